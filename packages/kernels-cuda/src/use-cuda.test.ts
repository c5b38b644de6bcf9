import type { TFJSBinding } from '@tensorflow/tfjs-node-gpu/dist/tfjs_binding.js';
import { describe, expect, it } from 'vitest';
import { useCuda, withTypedErrors } from './use-cuda.ts';

it('says how to set it up where it is not', async () => {
  await expect(useCuda({ cacheDir: '/no/such/folder' })).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('run "sdq gpu setup"'),
  });
});

describe('withTypedErrors', () => {
  const binding = (message: string) =>
    withTypedErrors({
      TF_Version: '2.21.0',
      executeOp: () => {
        throw new Error(message);
      },
    } as unknown as TFJSBinding);
  const run = (message: string) => () => binding(message).executeOp('MatMul', [], [], 1);

  it('says what to do when memory is out', () => {
    expect(run('OOM when allocating tensor with shape[1,2]')).toThrow(
      'out of memory in MatMul: lower --tokens-per-batch',
    );
    expect(run('CUDA_ERROR_OUT_OF_MEMORY: out of memory')).toThrow('out of memory in MatMul');
  });

  it('passes on other errors, and all else', () => {
    expect(run('Invalid TF_Status: 3')).toThrow(/^Invalid TF_Status: 3$/);
    expect(binding('').TF_Version).toBe('2.21.0');
  });
});
