import { expect, it, vi } from 'vitest';
import { KERNEL_BACKENDS } from './kernel-backends.ts';
import { selectBackend } from './select-backend.ts';

const reporter = { start() {}, progress() {}, stop() {}, message: vi.fn(), event() {} };

it('gives the record of the backend asked for, active, with its kernels', async () => {
  const native = await selectBackend('sdq-cpu', reporter);
  expect(native.describe()).toMatch(/^sdq-cpu \(.+, \d+ threads/);
  expect(await native.kernels()).toContain('SdqLinear');
  const stock = await selectBackend('wasm', reporter);
  expect(stock.describe()).toBe('wasm (1 thread)');
  expect(await stock.kernels()).toEqual([]);
  expect(stock.batchTokens).toBe(512);
});

it.each(KERNEL_BACKENDS.filter(({ name }) => name !== 'webgpu'))(
  'says of $name whether it can run here',
  async (backend) => {
    const { state, advice } = await backend.available();
    expect(state === 'ok' || advice !== undefined).toBe(true);
  },
);

it('refuses a backend that there is not', async () => {
  await expect(selectBackend('abacus', reporter)).rejects.toMatchObject({ code: 'unknown-name' });
});
