import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { SdqError, type WeightQuantizer } from '@sdq/core';
import { createPlan, PLAN_NAMES, type PlanRuleData } from '@sdq/quantizers';

/** A rule has about 100 bytes, and no encoder has 10,000 matrices. */
const MAX_PLAN_BYTES = 2 ** 20;

/**
 * The plan that a flag names: a preset's name as it is, or the rules of a JSON file `{"rules": [{"match": ...}, ...]}`.
 *
 * @param quantizers - those that plug-ins bring
 * @throws SdqError `unknown-name`; `path-not-found`; `bad-plan` when the file holds no plan
 */
export function planFlag(
  text: string,
  quantizers?: ReadonlyMap<string, WeightQuantizer>,
): string | PlanRuleData[] {
  if (PLAN_NAMES.includes(text)) return text;
  if (!text.endsWith('.json')) {
    throw new SdqError(
      'unknown-name',
      `Unknown plan "${text}": choose one of ${PLAN_NAMES.join(', ')}, or a file whose name ends in .json.`,
    );
  }
  const rules = rulesIn(text);
  try {
    createPlan(rules, quantizers);
  } catch (cause) {
    if (cause instanceof SdqError) throw new SdqError(cause.code, `${text}: ${cause.message}`, { cause });
    throw cause;
  }
  return rules;
}

function rulesIn(path: string): PlanRuleData[] {
  const text = read(path);
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (cause) {
    throw new SdqError('bad-plan', `${path} is not JSON: ${(cause as Error).message}.`, { cause });
  }
  const rules = (data as { rules?: unknown } | null)?.rules;
  if (!Array.isArray(rules) || rules.length === 0) {
    throw new SdqError(
      'bad-plan',
      `${path} holds no plan: it needs {"rules": [{"match": ..., "weight": ...}, ...]}.`,
    );
  }
  return rules as PlanRuleData[];
}

function read(path: string): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw new SdqError('path-not-found', `The plan ${path} cannot be read: ${(cause as Error).message}.`, {
      cause,
    });
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile() || stat.size > MAX_PLAN_BYTES) {
      throw new SdqError('bad-plan', `${path} is no plan: a file of at most ${MAX_PLAN_BYTES} bytes is.`);
    }
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}
