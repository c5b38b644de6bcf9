export { gridForRange } from './affine-grid.ts';
export { FakeQuantizedOps, type FakeQuantizedOptions } from './fake-quantized-ops.ts';
export {
  createObserver,
  MinMaxObserver,
  MovingAverageObserver,
  type ObserverName,
  observers,
  PercentileObserver,
} from './observers.ts';
export { ObservingOps } from './observing-ops.ts';
export { createPlan, matchesSite, type Plan, type PlanRule, type ResolvedPlan, resolvePlan } from './plan.ts';
export { dequantizeRows, perChannel } from './weight-quantizers.ts';
export { WrappedOps } from './wrapped-ops.ts';
