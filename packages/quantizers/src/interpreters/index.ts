export { FakeQuantizedOps, type FakeQuantizedOptions } from './fake-quantized-ops.ts';
export { ObservingOps } from './observing-ops.ts';
export { SmoothedOps, smoothingDivisors } from './smooth-quant.ts';
export { ListeningOps, type SharedInput, TracingOps } from './tracing-ops.ts';
export { WrappedOps } from './wrapped-ops.ts';
