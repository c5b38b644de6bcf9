import { familyOf } from '@sdq/models';
import { describe, expect, it } from 'vitest';
import { perChannel } from '../weights/weight-quantizers.ts';
import { createPlan, matchesSite, PLAN_NAMES, type PlanRuleData, planData, resolvePlan } from './plan.ts';

const { roleOf } = familyOf('bert');
const ALL = [
  'embeddings.word_embeddings',
  'embeddings.position_embeddings',
  'encoder.layer.0.attention.self.query',
  'classifier',
];
const SITES = ['embeddings.word_embeddings', 'encoder.layer.0.attention.self.query', 'classifier'];

describe('matchesSite', () => {
  it.each([
    ['**', 'classifier', true],
    ['*', 'classifier', true],
    ['*', 'a.b', false],
    ['encoder.layer.*.attention.**', 'encoder.layer.3.attention.self.query', true],
    ['encoder.**.query', 'encoder.layer.3.attention.self.query', true],
    ['encoder.layer.1', 'encoder.layer.11', false],
    ['encoder.**', 'encoder', true],
    ['**.query', 'query', true],
  ])('%s on %s: %s', (pattern, site, matches) => {
    expect(matchesSite(pattern, site)).toBe(matches);
  });
});

describe('matchesSite by role', () => {
  it.each([
    ['role:query', 'encoder.layer.3.attention.self.query', true],
    ['role:query', 'encoder.layer.3.attention.self.key', false],
    ['role:ffn-out', 'encoder.layer.0.output.dense', true],
    ['role:attention-output', 'encoder.layer.0.attention.output.dense', true],
    ['role:word-embedding', 'embeddings.position_embeddings', false],
    ['role:embedding', 'embeddings.word_embeddings', true],
    ['role:head', 'classifier', true],
    ['role:query', 'decoder.query', false],
  ])('%s on %s: %s', (pattern, site, matches) => {
    expect(matchesSite(pattern, site, roleOf)).toBe(matches);
    expect(matchesSite(pattern, site)).toBe(false);
  });
});

describe('resolvePlan', () => {
  it('takes the first rule that matches', () => {
    const plan = [
      { match: 'classifier' },
      { match: '**.query', weight: perChannel(4), activationBits: 8 },
      { match: '**', weight: perChannel(8) },
    ];
    const resolved = resolvePlan(plan, SITES);
    expect(resolved.has('classifier')).toBe(false);
    expect(resolved.get(SITES[1]!)!.weight!.bits).toBe(4);
    expect(resolved.get(SITES[0]!)!.weight!.bits).toBe(8);
  });

  it('refuses a rule that matches nothing, by its name', () => {
    expect(() => resolvePlan([{ match: 'decoder.**', weight: perChannel(8) }], SITES)).toThrow(
      'rule "decoder.**" matches no site',
    );
  });

  it('w8a8 quantizes every matrix, and the inputs of linears only', () => {
    const resolved = resolvePlan(createPlan('w8a8'), ALL, roleOf);
    expect(resolved.size).toBe(4);
    expect(resolved.get(ALL[0]!)!.activationBits).toBeUndefined();
    expect(resolved.get('classifier')!.activationBits).toBe(8);
  });

  it.each([
    ['w8a8-dynamic', 'int8-per-channel', 'int8-per-channel', 8, 'per-token'],
    ['w4a8', 'int4-per-channel', 'int4-per-channel', 8, undefined],
    ['w4a8-group', 'int4-per-group-128', 'int4-per-group-128', 8, undefined],
    ['w2a8', 'int4-per-channel', 'ternary-per-channel', 8, undefined],
    ['w1a8', 'int4-per-channel', 'sign-per-channel', 8, undefined],
    ['embeddings-int4', 'int4-per-group-64', undefined, undefined, undefined],
  ])('%s', (name, words, linears, activationBits, activationScheme) => {
    const resolved = resolvePlan(createPlan(name), ALL, roleOf);
    expect(resolved.get(ALL[0]!)!.weight!.name).toBe(words);
    expect(resolved.get('classifier')?.weight?.name).toBe(linears);
    expect(resolved.get('classifier')?.activationBits).toBe(activationBits);
    expect(resolved.get('classifier')?.activationScheme).toBe(activationScheme);
  });

  it('every preset fits a model with all kinds of sites', () => {
    for (const name of PLAN_NAMES) expect(resolvePlan(createPlan(name), ALL, roleOf).size).toBeGreaterThan(0);
  });

  it('lists the presets when one is unknown', () => {
    expect(() => createPlan('w9a9')).toThrow('Unknown plan "w9a9": choose one of w8a8, w8a8-dynamic');
  });

  it('refuses a plan for another model', () => {
    expect(() => resolvePlan(createPlan('w8a8'), ['layers.0.linear'], roleOf)).toThrow(
      'rule "role:word-embedding" matches no site of this model, whose sites are like "layers.0.linear"',
    );
  });
});

describe('a plan as plain data', () => {
  it.each(PLAN_NAMES)('is the same plan when it is read: %s', (name) => {
    const plan = createPlan(name);
    const read = createPlan(JSON.parse(JSON.stringify(planData(plan))));
    expect(planData(read)).toEqual(planData(plan));
    expect(read.map(({ weight }) => [weight?.bits, weight?.granularity])).toEqual(
      plan.map(({ weight }) => [weight?.bits, weight?.granularity]),
    );
  });

  it.each([
    [null, 'Rule 2 of the plan is no object with a "match"'],
    [{ weight: 'int8-per-channel' }, 'Rule 2 of the plan has no "match"'],
    [{ match: '**', weight: 'int9-per-channel' }, 'has "int9-per-channel" as "weight"'],
    [{ match: '**', weight: 'int4-per-group-0' }, 'has "int4-per-group-0" as "weight"'],
    [{ match: '**', weight: 8 }, 'has "8" as "weight"'],
    [{ match: '**', activationBits: 1.5 }, 'has 1.5 as "activationBits": choose an integer from 2 to 8'],
    [{ match: '**', activationScheme: 'dynamic' }, 'has "dynamic" as "activationScheme"'],
    [{ match: '**', bits: 8 }, 'has "bits": choose from match, weight'],
  ])('refuses %j', (rule, message) => {
    expect(() => createPlan([{ match: 'a' }, rule as PlanRuleData])).toThrow(message);
  });
});
