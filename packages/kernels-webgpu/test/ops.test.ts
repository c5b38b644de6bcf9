import { useWebGpu } from '@sdq/kernels-webgpu';
import { describe, it } from 'vitest';
import { describeOps } from '../../kernels/test/suite.ts';
import { whatWebGpuLacks } from './software-vulkan.ts';

const lack = await whatWebGpuLacks();
if (lack) describe('the ops on sdq-webgpu', () => it.skip(lack, () => {}));
else describeOps('sdq-webgpu', useWebGpu, { flushesSubnormals: true });
