/** The backends that commands can run on. */
export const BACKENDS = ['sdq-cpu', 'cuda', 'wasm'] as const;
