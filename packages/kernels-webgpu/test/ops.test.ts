import { useWebGpu } from '@sdq/kernels-webgpu';
import { describe, it } from 'vitest';
import { describeOps } from '../../kernels/test/suite.ts';
import { useSoftwareVulkan } from './software-vulkan.ts';

if (useSoftwareVulkan()) describeOps('sdq-webgpu', useWebGpu, { flushesSubnormals: true });
else describe('the ops on sdq-webgpu', () => it.skip('needs chromium for its software Vulkan', () => {}));
