import { describe, expect, it } from 'vitest';
import { createPlan, matchesSite, resolvePlan } from './plan.ts';
import { perChannel } from './weight-quantizers.ts';

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
    const resolved = resolvePlan(createPlan('w8a8'), SITES);
    expect(resolved.size).toBe(3);
    expect(resolved.get(SITES[0]!)!.activationBits).toBeUndefined();
    expect(resolved.get(SITES[2]!)!.activationBits).toBe(8);
  });

  it('lists the presets when one is unknown', () => {
    expect(() => createPlan('w9a9')).toThrow('Unknown plan "w9a9": choose one of w8a8');
  });
});
