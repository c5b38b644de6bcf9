/** The kernels of its own that the backend in use has; loaded late, since help needs none. */
export async function activeKernels(): Promise<readonly string[]> {
  return (await import('@sdq/kernels')).ownKernels();
}
