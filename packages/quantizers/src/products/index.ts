export {
  type IterativePqOptions,
  type IterativePqResult,
  iterativeProductQuantize,
  PQ_STAGES,
  type PqStage,
  type PqState,
} from './iterative-pq.ts';
