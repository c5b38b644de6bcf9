export { EntropyObserver } from './entropy-observer.ts';
export { MinMaxObserver } from './min-max-observer.ts';
export { MovingAverageObserver } from './moving-average-observer.ts';
export { MseObserver } from './mse-observer.ts';
export { createObserver, type ObserverName, observerFrom, observers } from './observers.ts';
export { PercentileObserver } from './percentile-observer.ts';
