import { cpus } from 'node:os';
import { SdqError } from '@sdq/core';
import { createIntegerModel, type ForwardPass, type IntegerModel } from '@sdq/kernels';
import { forward } from '@sdq/models';
import { quantizeModel, type StepMode, type SyntheticModel, syntheticModel } from '@sdq/pipeline';
import { selectBackend } from '../backends/index.ts';
import { type KernelProfile, profileIntegers, profileRun, type RunProfile } from '../bench/index.ts';
import { TerminalReporter, textTable } from '../terminal/index.ts';

const REPEATS = 5;

interface BenchFlags {
  readonly backend?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly hidden: number;
  readonly sequences: number;
  readonly length: number;
  readonly profile?: boolean;
}

interface Measured {
  readonly name: string;
  /** The median of some runs. */
  readonly milliseconds: number;
  readonly fastest: number;
  readonly slowest: number;
  readonly tokensPerSecond: number;
  readonly profile?: RunProfile;
}

/** `sdq bench`: how fast this machine runs and trains an encoder, and where the time goes. */
export async function benchAction(flags: BenchFlags): Promise<void> {
  const { hidden, sequences, length } = flags;
  inRange('--hidden', hidden, 12, 3072, 12);
  inRange('--sequences', sequences, 1, 1024);
  inRange('--length', length, 1, 512);
  const reporter = new TerminalReporter(process.stderr, flags.quiet ?? flags.json ?? false);
  const backend = await selectBackend(flags.backend, reporter);
  const peaks = await backend.peaks?.();
  const kernels = await backend.kernels();
  const lengths = Array.from({ length: sequences }, () => length);
  const results: Measured[] = [];
  for (const [mode, forwardName, stepName] of [
    ['fp32', 'fp32 forward', 'fp32 step'],
    ['qat', 'int8 forward', 'QAT step'],
    ['sdq', undefined, 'SDQ step'],
  ] satisfies [StepMode, string | undefined, string][]) {
    const model = syntheticModel({ hidden, lengths, mode });
    const integers = mode === 'qat' ? integerModel(model) : undefined;
    if (integers && forwardName) results.push(await measureIntegers(forwardName, model, integers));
    else if (forwardName) results.push(await measure(forwardName, model.tokens, () => model.forward()));
    results.push(await measure(stepName, model.tokens, () => model.step()));
    model.dispose();
  }
  const machine = {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    backend: backend.describe(),
    kernels,
    node: process.versions.node,
    peaks,
  };
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ machine, hidden, sequences, length, results })}\n`);
    return;
  }
  write(`${machine.cpu}; ${machine.backend}; Node ${machine.node}`);
  if (peaks) {
    const { f32Gflops, int8Gops, memoryGigabytes } = peaks;
    write(
      `Peaks: float32 ${f32Gflops.toFixed(0)} GFLOP/s, ` +
        `int8 ${int8Gops.toFixed(0)} GOP/s, memory ${memoryGigabytes.toFixed(1)} GB/s`,
    );
  }
  write(`An encoder of 12 layers, ${hidden} wide, ${sequences} sequences of ${length} tokens:\n`);
  write(
    textTable([
      ['', 'ms', 'fastest', 'slowest', 'tokens/s'],
      ...results.map(({ name, milliseconds, fastest, slowest, tokensPerSecond }) => [
        name,
        ...[milliseconds, fastest, slowest, tokensPerSecond].map((value) => value.toFixed(0)),
      ]),
    ]),
  );
  for (const { name, profile } of results) if (profile) write(`\n${name}\n${profileTable(profile)}`);
  if (!flags.profile) write('\nNext: sdq bench --profile names the kernels where the time goes.');

  async function measureIntegers(
    name: string,
    { model, tokens }: SyntheticModel,
    { integers, pass }: IntegerForward,
  ): Promise<Measured> {
    const run = () => void integers.run(pass);
    const measured = await measure(name, tokens, run, () =>
      profileIntegers(integers, run, { layers: model.config.layers, hidden, tokens }, peaks),
    );
    integers.dispose();
    return measured;
  }

  async function measure(
    name: string,
    tokens: number,
    run: () => void | Promise<void>,
    profile: () => RunProfile | Promise<RunProfile> = () => profileRun(run, peaks),
  ): Promise<Measured> {
    reporter.message(`Measuring: ${name}.`);
    await run();
    const times: number[] = [];
    for (let i = 0; i < REPEATS; i++) {
      const start = performance.now();
      await run();
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    const milliseconds = times[(REPEATS - 1) / 2]!;
    return {
      name,
      milliseconds,
      fastest: times[0]!,
      slowest: times.at(-1)!,
      tokensPerSecond: (1000 * tokens) / milliseconds,
      ...(flags.profile ? { profile: await profile() } : {}),
    };
  }
}

interface IntegerForward {
  readonly integers: IntegerModel;
  readonly pass: ForwardPass;
}

/** The model in integers, where the backend has kernels for that. */
function integerModel({ model, plan, grids, batch }: SyntheticModel): IntegerForward | undefined {
  const pass: ForwardPass = (ops, parameter) =>
    forward(ops, model.config, parameter, batch, model.head).logits;
  const integers = createIntegerModel(pass, quantizeModel(model, plan, grids));
  return integers && { integers, pass };
}

function inRange(flag: string, value: number, low: number, high: number, step = 1): void {
  if (value >= low && value <= high && value % step === 0) return;
  const kind = step === 1 ? 'an integer' : `a multiple of ${step}`;
  throw new SdqError('bad-option', `${flag} ${value} is not ${kind} from ${low} to ${high}.`);
}

function profileTable({ kernels }: RunProfile): string {
  const shown = kernels.filter(({ share }) => share >= 0.005);
  return textTable([
    ['kernel', 'calls', 'ms', 'share', 'MB', 'GOP/s', 'of peak'],
    ...shown.map((kernel) => [
      kernel.name,
      kernel.calls?.toFixed(0) ?? '',
      kernel.milliseconds.toFixed(1),
      percent(kernel.share),
      kernel.bytes === undefined ? '' : (kernel.bytes / 1e6).toFixed(0),
      kernel.gops === undefined ? '' : kernel.gops.toFixed(0),
      ofPeak(kernel),
    ]),
  ]);
}

function ofPeak({ ofPeak: share, gops }: KernelProfile): string {
  if (share === undefined) return '';
  return `${percent(share)} of ${gops === undefined ? 'memory' : 'arithmetic'}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}
