import type * as tf from '@tensorflow/tfjs';
import type { SdqWebGpuBackend } from './backend.ts';

/** The type of a kernel's parameters, elements or results in WGSL. */
type WgslType = 'f32' | 'i32' | 'u32';

/** A compute shader with its bindings by name, in their order. */
export interface WgslKernel {
  /** Tells it from every other kernel. */
  readonly name: string;
  readonly inputs: Readonly<Record<string, WgslType>>;
  readonly outputs: Readonly<Record<string, WgslType>>;
  /** Where values that are not finite are noted; the code then may call `note(x)`. */
  readonly notesNonFinite?: boolean;
  /** Numbers that are the same for all threads, read as `p.name`. */
  readonly parameters: Readonly<Record<string, WgslType>>;
  /** Module-scope declarations and the entry point `main`. */
  readonly code: string;
}

/** What a run of a kernel works on. */
export interface KernelRun {
  readonly inputs: Readonly<Record<string, tf.TensorInfo>>;
  /** Shapes of new tensors, or tensors that nobody else uses and that are written in place. */
  readonly outputs: Readonly<Record<string, readonly number[] | tf.TensorInfo>>;
  readonly parameters?: Readonly<Record<string, number>>;
  /** Where values come from that `note` may find not finite. */
  readonly site?: string | undefined;
  /** Work groups; they are spread over two dimensions where one is too short: see {@link GROUP}. */
  readonly groups: number;
}

/** The threads of a work group that reduces: as many as most GPUs run in step. */
export const LANES = 32;

/** The threads of a work group of element-wise kernels. */
const WIDE = 256;

/** The parameters of every entry point, and the number of its group and thread; `return` before the first barrier. */
export const entry = (lanes: number) => /* wgsl */ `
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) groupId: vec3u, @builtin(num_workgroups) groupCount: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = groupId.y * groupCount.x + groupId.x;`;

/** A kernel of one thread an element: `body` sets elements at `i`, which is below `p.size`. */
export function elementwise(
  kernel: Omit<WgslKernel, 'code' | 'parameters'> & {
    parameters?: WgslKernel['parameters'];
    body: string;
    declarations?: string;
  },
): WgslKernel {
  const { body, declarations = '', parameters = {}, ...rest } = kernel;
  return {
    ...rest,
    parameters: { size: 'u32', ...parameters },
    code: `${declarations}${entry(WIDE)}
  let i = group * ${WIDE}u + lane;
  if (i >= p.size) { return; }
  ${body}
}`,
  };
}

/** A kernel of one work group a row: `body` may call `sumOver(lane, x)` and `maxOver(lane, x)`, all threads together. */
export function rowwise(
  kernel: Omit<WgslKernel, 'code' | 'parameters'> & {
    parameters?: WgslKernel['parameters'];
    body: string;
  },
): WgslKernel {
  const { body, parameters = {}, ...rest } = kernel;
  return {
    ...rest,
    parameters: { rows: 'u32', width: 'u32', ...parameters },
    code: `${REDUCTIONS}${entry(LANES)}
  let row = group;
  if (row >= p.rows) { return; }
  let start = row * p.width;
  ${body}
}`,
  };
}

// Each thread adds up all parts itself: with two barriers rather than the twelve of a tree, which cost more than they save
// at this width.
const reduction = (name: string, combine: string) => /* wgsl */ `
fn ${name}(lane: u32, value: f32) -> f32 {
  scratch[lane] = value;
  workgroupBarrier();
  var all = scratch[0];
  for (var i = 1u; i < ${LANES}u; i++) { all = ${combine}; }
  workgroupBarrier();
  return all;
}`;

/** Sums and maxima over the threads of a work group; every thread gets the result. */
export const REDUCTIONS = /* wgsl */ `
var<workgroup> scratch: array<f32, ${LANES}>;
${reduction('sumOver', 'all + scratch[i]')}
${reduction('maxOver', 'max(all, scratch[i])')}
`;

/** The groups of an element-wise kernel. */
export const groupsFor = (elements: number) => Math.ceil(elements / WIDE);

/** Runs a kernel; gives its outputs in their order. */
export function runWgsl(backend: SdqWebGpuBackend, kernel: WgslKernel, run: KernelRun): tf.TensorInfo[] {
  const outputs = Object.entries(kernel.outputs).map(([name, type]) => {
    const output = run.outputs[name]!;
    return 'dataId' in output
      ? output
      : backend.makeTensorInfo([...output], type === 'f32' ? 'float32' : 'int32');
  });
  const check = kernel.notesNonFinite ? backend.finiteCheck(run.site) : undefined;
  const bindings = [
    ...Object.keys(kernel.inputs).map((name) => ({ info: run.inputs[name]!, access: 'read' as const })),
    ...outputs.map((info) => ({ info, access: 'write' as const })),
    ...(check ? [{ info: check.flags, access: 'write' as const }] : []),
  ];
  const types = Object.entries(parametersOf(kernel));
  const parameters = new DataView(new ArrayBuffer(Math.ceil(Math.max(1, types.length) / 4) * 16));
  const values: Record<string, number> = { ...run.parameters, ...(check && { slot: check.slot }) };
  types.forEach(([name, type], i) => {
    const value = values[name];
    if (value === undefined) throw new Error(`The kernel ${kernel.name} has no parameter ${name}.`);
    if (type === 'f32') parameters.setFloat32(4 * i, value, true);
    else if (type === 'i32') parameters.setInt32(4 * i, value, true);
    else parameters.setUint32(4 * i, value, true);
  });
  // An output without elements is whole already, and needs values that tfjs can read.
  if (outputs.every(({ shape }) => shape.includes(0))) {
    for (const { dataId, dtype } of outputs) {
      backend.tensorMap.get(dataId).values = dtype === 'float32' ? new Float32Array(0) : new Int32Array(0);
    }
    return outputs;
  }
  backend.dispatch(
    kernel.name,
    () => moduleOf(kernel),
    bindings,
    parameters.buffer as ArrayBuffer,
    run.groups,
  );
  return outputs;
}

function parametersOf(kernel: WgslKernel): Record<string, WgslType> {
  return { ...kernel.parameters, ...(kernel.notesNonFinite && { slot: 'u32' as const }) };
}

function moduleOf(kernel: WgslKernel): string {
  const bindings = [
    ...Object.entries(kernel.inputs).map(([name, type]) => `var<storage, read> ${name}: array<${type}>;`),
    ...Object.entries(kernel.outputs).map(
      ([name, type]) => `var<storage, read_write> ${name}: array<${type}>;`,
    ),
    ...(kernel.notesNonFinite ? ['var<storage, read_write> flags: array<atomic<u32>>;'] : []),
    'var<uniform> p: Parameters;',
  ];
  const fields = Object.entries(parametersOf(kernel)).map(([name, type]) => `${name}: ${type}`);
  return [
    `struct Parameters { ${fields.join(', ') || 'unused: u32'} }`,
    ...bindings.map((binding, i) => `@group(0) @binding(${i}) ${binding}`),
    // By its bits: WGSL lets compilers assume that no float is NaN or infinite.
    kernel.notesNonFinite
      ? 'fn note(x: f32) { if ((bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u) { atomicStore(&flags[p.slot], 1u); } }'
      : '',
    kernel.code,
  ].join('\n');
}
