import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SdqError } from '@sdq/core';
import { ptqVersion } from '@sdq/core/results';
import { modelHash } from '@sdq/models';
import type { RunConfig } from '../config/index.ts';
import { type InputChanges, inputChanges, type StageInputs, type StageRecord } from '../run-folder/index.ts';
import { type RunContext, type RunStage, TEACHER } from '../stages/index.ts';

/** Whether a run is to compute a stage; others may be in its folder from before. */
export function isAsked({ methods, ptq = [] }: RunConfig, stage: string): boolean {
  return [TEACHER, ...methods, ...ptq.map(ptqVersion)].includes(stage);
}

/**
 * Looks at those of some stages that are finished: sets aside what was computed from something else than what is there now,
 * or whose model is gone, and scores again what was scored on other dev sets; says so.
 *
 * @throws SdqError `path-exists` when options lead to other content at another place; as {@link RunStage.prepare}
 */
export async function checkFinished(stages: readonly RunStage[], context: RunContext): Promise<void> {
  const { folder, reporter } = context;
  const byName = new Map(stages.map((stage) => [stage.name, stage]));
  // In the order of their records.
  const finished = () => Object.keys(folder.stages).flatMap((name) => byName.get(name) ?? []);
  /** By stage, the dev sets that are others than those that it scored. */
  const outscored = new Map<string, readonly string[]>();
  for (const stage of finished()) {
    const scores = await checkInputs(stage, context);
    if (scores.length > 0) outscored.set(stage.name, scores);
  }
  // The one whose model is kept is found once: without its record it would be another.
  const kept = new Map(finished().map((stage) => [stage, stage.saves(context)]));
  for (const [stage, model] of kept) {
    if (model !== undefined) await checkModel(stage.name, folder.file(model), context);
  }
  for (const stage of stages) await stage.prepare?.(context);
  for (const stage of finished()) {
    const { name } = stage;
    const record = folder.finished(name)!;
    const inputs = await stage.inputs(context);
    const changed = outscored.get(name);
    if (changed === undefined) await adopt(name, record, inputs, context);
    else if (!stage.rescore || kept.get(stage) === undefined) setAside(name, changed, context);
    else {
      if (name !== TEACHER) {
        reporter.message(
          `The student of "${name}" is scored again, since this has changed: ${changed.join(', ')}.`,
        );
      }
      await folder.replace(name, { ...record, scores: await stage.rescore(context), inputs });
    }
  }
}

/** Begins a stage, or goes on with one that was interrupted, if what it is computed from is still the same. */
export async function begin(stage: RunStage, context: RunContext): Promise<void> {
  const { folder, reporter, config } = context;
  const inputs = await stage.inputs(context);
  const before = folder.interrupted(stage.name);
  if (before) {
    const { weights, moved } = inputChanges(stage.name, before, inputs, config);
    requireInPlace(moved, folder.path);
    if (weights.length > 0) {
      folder.dropCheckpoints(stage.name);
      reporter.message(`"${stage.name}" is begun anew, since this has changed: ${weights.join(', ')}.`);
    }
  }
  await folder.begin(stage.name, inputs);
}

/**
 * Sets a finished stage aside if what its weights were computed from has changed; otherwise tells of other dev sets than
 * it scored.
 */
async function checkInputs(stage: RunStage, context: RunContext): Promise<readonly string[]> {
  const { folder, config } = context;
  const before = folder.finished(stage.name)?.inputs;
  if (!before) return [];
  const { weights, scores, moved } = inputChanges(stage.name, before, await stage.inputs(context), config);
  requireInPlace(moved, folder.path);
  if (weights.length === 0) return scores;
  setAside(stage.name, [...weights, ...scores], context);
  return [];
}

/** Sets a finished stage aside if the model that it saved is gone, or another lies in its place. */
async function checkModel(stage: string, path: string, context: RunContext): Promise<void> {
  const { folder } = context;
  const record = folder.finished(stage)!;
  const found = existsSync(join(path, 'model.safetensors')) ? await modelHash(path) : undefined;
  // An older release did not note which model it saved.
  if (found !== undefined && !record.inputs) {
    await folder.replace(stage, { ...record, model: found });
  } else if (found === undefined || record.model !== found) {
    setAside(stage, [`the model in ${path}${found === undefined ? ' (it is gone)' : ''}`], context);
  }
}

/** Records for a stage that holds where its inputs lie now, or, for a run of an older release, what they are. */
async function adopt(
  stage: string,
  record: StageRecord,
  inputs: StageInputs,
  { folder, reporter }: RunContext,
): Promise<void> {
  if (!record.inputs) {
    reporter.message(
      `"${stage}" is of an older release, which kept no hashes: it is taken to be of the data and models that are there now.`,
    );
  }
  if (!isDeepStrictEqual(record.inputs?.places, inputs.places)) {
    await folder.replace(stage, { ...record, inputs });
  }
}

function setAside(stage: string, changed: readonly string[], { folder, reporter, config }: RunContext): void {
  folder.setAside(stage);
  reporter.message(
    isAsked(config, stage)
      ? `"${stage}" is computed again, since this has changed: ${changed.join(', ')}.`
      : `"${stage}" is left out of the results, since this has changed: ${changed.join(', ')}. Ask for it again (--methods, --ptq) to compute it.`,
  );
}

/** @throws SdqError `path-exists` when options lead to other content at another place */
function requireInPlace([first]: InputChanges['moved'], path: string): void {
  if (!first) return;
  const { option, before, now } = first;
  throw new SdqError(
    'path-exists',
    `${path} holds a run of another configuration: ${option} was ${before} and is ${now}, with other content. Give the former path to go on with it, or another --out.`,
  );
}
