import { cudaSetup, useCuda } from '@sdq/kernels-cuda';
import { describe, it } from 'vitest';
import { describeOps } from '../../kernels/test/suite.ts';

if (cudaSetup()) describeOps('tensorflow', useCuda, { flushesSubnormals: true, productTolerance: 4e-5 });
else describe('the ops on tensorflow', () => it.skip('needs "sdq gpu setup --cpu"', () => {}));
