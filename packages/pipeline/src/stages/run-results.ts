import { statSync } from 'node:fs';
import { arch, cpus, platform } from 'node:os';
import { join } from 'node:path';
import { partOf } from '@sdq/core';
import {
  type LanguageScores,
  METHODS,
  type Method,
  meanScore,
  type PartBytes,
  type Results,
  recordOfTeacher,
  zeroShotLanguages,
} from '@sdq/core/results';
import { familyOf, readConfig, readSafetensorsHeader } from '@sdq/models';
import * as tf from '@tensorflow/tfjs';
import { ptqChoice, type RunConfig, savedPtq } from '../config/index.ts';
import { cutExamples, type Dataset, type DevSet, goldOf, majorityShare, sumOver } from '../data/index.ts';
import { significanceOf } from '../evaluation/index.ts';
import { mapValues, VERSION } from '../results/index.ts';
import type { RunFolder } from '../run-folder/index.ts';

/** The method whose student is saved: the most elaborate one that was asked for, now or before. */
export function studentMethod(config: RunConfig, { stages }: Pick<RunFolder, 'stages'>): Method {
  const chosen = METHODS.filter(({ key }) => config.methods.includes(key) || stages[key]);
  return chosen.reduce((best, method) => (method.rank > best.rank ? method : best));
}

/** The stage among the finished ones whose student a run keeps; undefined where PTQ is to make one yet. */
export function studentStage(config: RunConfig, stages: RunFolder['stages']): string | undefined {
  const { key } = studentMethod(config, { stages });
  return key === 'ptq' ? savedPtq(stages) : key;
}

/** What a run found, from the records of its finished stages. */
export async function runResults(
  config: RunConfig,
  dataset: Dataset,
  folder: RunFolder,
  backend: string,
): Promise<Results> {
  const records = folder.stages;
  const method = studentMethod(config, folder);
  const student = method.key === 'ptq' ? savedPtq(records)! : method.version;
  const scores: Record<string, LanguageScores> = {};
  for (const record of Object.values(records)) Object.assign(scores, record.scores);
  const ptq = ptqChoice(records);
  if (ptq) scores.ptq = scores[ptq.best]!;
  const { dev, task, trainLanguages, unofficialLanguages } = dataset;
  const perLanguage = (pick: (set: DevSet) => number) =>
    Object.fromEntries([...dev].map(([language, set]) => [language, pick(set)]));
  const { teacher } = config;
  const record = teacher === undefined ? {} : { teacherRecord: recordOfTeacher(teacher) };
  const zeroShot = zeroShotLanguages([{ config, trainLanguages, ...record }], [...dev.keys()]);
  const trainings = Object.values(records).flatMap(({ training }) => (training ? [training] : []));
  const trainingSeconds = sum(trainings.map(({ seconds }) => seconds));
  return {
    task: task.name,
    metric: task.metric,
    scores,
    trainLanguages,
    ...record,
    ...(ptq && { ptq }),
    average: mapValues(scores, (byLanguage) => meanScore(byLanguage)),
    averageZeroShot:
      zeroShot.length > 0 ? mapValues(scores, (byLanguage) => meanScore(byLanguage, zeroShot)) : {},
    ...significanceOf(folder.path, dataset, scores),
    majority: perLanguage((set) => majorityShare(goldOf(set))),
    examples: perLanguage((set) => goldOf(set).length),
    remarks: dataset.remarks,
    cut: perLanguage((set) => sumOver(set, cutExamples)),
    unofficialLanguages,
    bytes: {
      fp32: weightBytes(folder, 'teacher'),
      [student]: weightBytes(folder, 'student'),
    },
    bytesByPart: { fp32: await partBytes(folder, 'teacher'), [student]: await partBytes(folder, 'student') },
    finish: Object.fromEntries(
      Object.entries(records).flatMap(([stage, { finish }]) => (finish ? [[stage, finish]] : [])),
    ),
    trainTokensPerSecond:
      trainingSeconds > 0 ? sum(trainings.map(({ tokens }) => tokens)) / trainingSeconds : null,
    peakMemoryBytes: Math.max(...Object.values(records).map(({ peakMemoryBytes }) => peakMemoryBytes)),
    seconds: sum(Object.values(records).map(({ seconds }) => seconds)),
    stageSeconds: mapValues(records, ({ seconds }) => seconds),
    backend,
    machine: `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${platform()} ${arch()}`,
    versions: { sdq: VERSION, node: process.versions.node, tfjs: tf.version.tfjs },
    config,
  };
}

function weightBytes(folder: RunFolder, model: 'teacher' | 'student'): number {
  return statSync(join(folder.file(model), 'model.safetensors')).size;
}

async function partBytes(folder: RunFolder, model: 'teacher' | 'student'): Promise<PartBytes> {
  const path = folder.file(model);
  const { tensors } = await readSafetensorsHeader(join(path, 'model.safetensors'));
  const { prefix, roleOf } = familyOf((await readConfig(path)).config.family);
  const parts = { embeddings: 0, layers: 0, head: 0 };
  for (const [name, { bytes }] of tensors) {
    parts[partOf(roleOf(name.startsWith(prefix) ? name.slice(prefix.length) : name))] += bytes;
  }
  return parts;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
