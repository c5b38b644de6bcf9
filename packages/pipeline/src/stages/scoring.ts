import type { LanguageScores } from '@sdq/core/results';
import type { Classifier, QuantizedModel } from '@sdq/models';
import { quantizedClassifier } from '@sdq/serve';
import { tokensOf } from '../data/index.ts';
import { evaluateLanguage, keepPredictions } from '../evaluation/index.ts';
import { type RunSettings, requireNoInterruption } from './run-context.ts';

/** The score of a version in every language; its predictions are kept in the run folder. */
export async function scoreVersion(
  { dataset, reporter, folder, environment }: RunSettings,
  stage: string,
  version: string,
  classify: Classifier,
): Promise<LanguageScores> {
  const { dev, task } = dataset;
  const total = [...dev.values()].reduce((sum, set) => sum + tokensOf(set), 0);
  const started = performance.now();
  reporter.start(`scoring ${stage}`, total, 'tokens');
  try {
    const scores: Record<string, number> = {};
    let before = 0;
    for (const [language, set] of dev) {
      const evaluation = await evaluateLanguage(classify, dataset, language, set, (done) => {
        requireNoInterruption(environment, `scoring ${stage}`);
        const tokens = before + done;
        reporter.progress(tokens, { 'tokens/s': (1000 * tokens) / (performance.now() - started) });
      });
      before += evaluation.tokens;
      scores[language] = evaluation.score;
      keepPredictions(folder.path, version, task.name, language, evaluation);
    }
    reporter.event({ event: 'scores', stage, scores });
    return scores;
  } finally {
    reporter.stop();
  }
}

/** As {@link scoreVersion}, of a finished student; its tensors are disposed. */
export async function scoreQuantized(
  settings: RunSettings,
  stage: string,
  version: string,
  quantized: QuantizedModel,
): Promise<LanguageScores> {
  const { classify, dispose } = quantizedClassifier(quantized);
  try {
    return await scoreVersion(settings, stage, version, classify);
  } finally {
    dispose();
  }
}
