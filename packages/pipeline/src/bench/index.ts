export {
  type StepMode,
  type SyntheticModel,
  type SyntheticOptions,
  syntheticModel,
} from './synthetic-model.ts';
