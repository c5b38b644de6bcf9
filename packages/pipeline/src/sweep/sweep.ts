import { isAbsolute, join } from 'node:path';
import { SdqError } from '@sdq/core';
import { z } from 'zod';
import {
  NO_PLUGINS,
  type Plugins,
  type RunConfig,
  type RunOptions,
  resolveRunConfig,
} from '../config/index.ts';

const NAME = /^[a-z0-9][a-z0-9._-]*$/i;
const MAX_JOBS = 10_000;

const sweep = z.strictObject({
  name: z.string().regex(NAME),
  /**
   * Options of every run, as in a configuration file of `sdq run`, save `out`. In the folder of a `teacher`, `{seed}` (or any
   * other option of the grid) stands for its value in the run, so that runs share the teachers of another sweep.
   */
  base: z.record(z.string(), z.unknown()),
  /** By task: options of its runs that replace those of `base`; names of groups are written with dots, as in `grid`. */
  tasks: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
  /** By option (`plan`, `seed`, `distillation.attention`): the values to try, in every combination. */
  grid: z.record(z.string(), z.array(z.unknown()).min(1)),
});

/** A grid over the options of runs. */
export type Sweep = z.infer<typeof sweep>;

/** One run of a sweep. */
export interface SweepJob {
  /** Its folder, below the sweep's: `plan-w8a8_seed-0`. */
  readonly name: string;
  /** The values of the grid's options. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly config: RunConfig;
}

/**
 * The runs of a sweep, every combination of its grid's values, the last option varying fastest. A value of the grid replaces
 * one of the run's task, and that one of `base`.
 *
 * @param definition - what an experiment file says, unchecked
 * @param out - the folder that gets a folder of the sweep's name
 * @param model - the checkpoint folder of runs that name neither `model` nor `teacher`
 * @param plugins - what the plug-ins that the runs name bring
 * @throws SdqError `bad-option` for what is no sweep, and as {@link resolveRunConfig} for invalid options
 *
 * @example
 * ```ts
 * import { sweepJobs } from '@sdq/pipeline';
 *
 * const sweep = {
 *   name: 'pos',
 *   base: { task: 'POS', data: 'xglue', methods: ['sdq'] },
 *   grid: { plan: ['w8a8', 'w4a8'], seed: [0, 1, 2] },
 * };
 * sweepJobs(sweep, 'runs', 'e5').length; // 6
 * sweepJobs(sweep, 'runs', 'e5')[4]!.name; // 'plan-w4a8_seed-1'
 * ```
 */
export function sweepJobs(
  definition: unknown,
  out: string,
  model: string,
  plugins: Plugins = NO_PLUGINS,
): SweepJob[] {
  const parsed = sweep.safeParse(definition);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new SdqError('bad-option', `The experiment has no usable "${path.join('.')}": ${message}.`);
  }
  const { name, base, tasks, grid } = parsed.data;
  const options = Object.entries(grid);
  const count = options.reduce((product, [, values]) => product * values.length, 1);
  if (count > MAX_JOBS)
    throw new SdqError('bad-option', `The experiment has ${count} runs, more than ${MAX_JOBS}.`);
  let settings: Record<string, unknown>[] = [{}];
  for (const [option, values] of options) {
    settings = settings.flatMap((before) => values.map((value) => ({ ...before, [option]: value })));
  }
  return settings.map((chosen) => {
    const folder = options.map(([option, values]) => part(option, chosen[option], values)).join('_') || 'run';
    const asked = structuredClone(base);
    const ofTask = optionsOfTask(tasks, chosen.task ?? base.task);
    for (const [option, value] of Object.entries(ofTask)) place(asked, option, structuredClone(value));
    for (const [option, value] of Object.entries(chosen)) place(asked, option, value);
    if (typeof asked.teacher === 'string') asked.teacher = filled(asked.teacher, chosen);
    const start = asked.model === undefined && asked.teacher === undefined ? { model } : {};
    const whole = { ...start, ...asked, out: join(out, name, folder) } as RunOptions;
    const config = resolveRunConfig(whole, plugins);
    return { name: folder, settings: chosen, config };
  });
}

/** What `tasks` says of a task. A task that is not in it is refused: a misspelt name would drop the limits of its runs. */
function optionsOfTask(tasks: Sweep['tasks'], task: unknown): Readonly<Record<string, unknown>> {
  if (tasks === undefined) return {};
  if (typeof task === 'string' && Object.hasOwn(tasks, task)) return tasks[task]!;
  throw new SdqError(
    'bad-option',
    `The experiment's "tasks" has no options of the task ${JSON.stringify(task)}: add it, as {} where it needs none.`,
  );
}

/** Puts a value where a path of names with dots says. */
function place(options: Record<string, unknown>, path: string, value: unknown): void {
  const names = path.split('.');
  if (names.some((name) => ['__proto__', 'constructor', 'prototype', ''].includes(name))) {
    throw new SdqError('bad-option', `"${path}" in the experiment's grid or tasks is no option.`);
  }
  let group = options;
  for (const name of names.slice(0, -1)) {
    if (typeof group[name] !== 'object' || group[name] === null) group[name] = {};
    group = group[name] as Record<string, unknown>;
  }
  group[names.at(-1)!] = value;
}

/** A text with the values of the options that it names in braces. */
function filled(text: string, settings: Readonly<Record<string, unknown>>): string {
  return text.replace(/\{([^{}]*)\}/g, (_, option: string) => {
    if (Object.hasOwn(settings, option)) return String(settings[option]);
    throw new SdqError(
      'bad-option',
      `"${text}" names {${option}}, which is no option of the experiment's grid.`,
    );
  });
}

/** A folder's name may hold letters, digits and dashes: values that do not fit are numbered. */
function part(option: string, value: unknown, values: readonly unknown[]): string {
  const text = Array.isArray(value) ? value.join('+') : String(value);
  const plain = typeof value !== 'object' || Array.isArray(value) ? text.replace(/[^a-z0-9.+-]/gi, '-') : '';
  const clear = plain !== '' && plain.length <= 40 && (plain === text || isAbsolute(text));
  return `${option.split('.').at(-1)}-${clear ? plain : values.indexOf(value)}`;
}
