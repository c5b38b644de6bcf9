/** The backends that commands can run on. */
export const BACKENDS = ['sdq-cpu', 'cuda', 'webgpu', 'wasm'] as const;
