import type { Classifier } from '@sdq/models';
import { bestAnswers, type ExternalClassifier, predictClasses, predictSpans } from '@sdq/serve';
import { joinTallies, type Predictions, scoreOf, type Tally, type Task, tally } from '@sdq/xglue';
import { cutExamples, type Dataset, type DevChunk, type DevSet, tokenCount } from '../data/index.ts';

/** What a model does on the dev set of one language. */
export interface LanguageEvaluation {
  /** The official score, in [0, 1]. */
  readonly score: number;
  /** What each example adds to the score: for intervals and tests. */
  readonly tally: Tally;
  readonly predictions: Predictions;
  readonly examples: number;
  readonly tokens: number;
  /** Examples that were longer than the model takes and were cut. */
  readonly cut: number;
}

/**
 * Classifies the dev set of one language and scores it, chunk by chunk: of the examples only predictions and counts
 * stay in memory.
 *
 * @param onTokens - told after each batch how many tokens are done
 * @throws SdqError as the readers of `@sdq/xglue`
 */
export async function evaluateLanguage(
  classify: Classifier | ExternalClassifier,
  task: { readonly task: Task; readonly labels: readonly string[] },
  language: string,
  set: DevSet,
  onTokens: (tokens: number) => void = () => {},
): Promise<LanguageEvaluation> {
  const tallies: Tally[] = [];
  const predictions: Predictions[] = [];
  let [examples, tokens, cut] = [0, 0, 0];
  for (const chunk of set.chunks()) {
    const before = tokens;
    const predicted = await predictChunk(classify, task, chunk, (done) => onTokens(before + done));
    predictions.push(predicted);
    tallies.push(tally(task.task.name, chunk.gold, predicted, language));
    examples += chunk.gold.length;
    tokens += tokenCount(chunk.encoded);
    cut += cutExamples(chunk);
  }
  const all = joinTallies(tallies);
  return {
    score: scoreOf(all),
    tally: all,
    predictions: joinPredictions(predictions),
    examples,
    tokens,
    cut,
  };
}

/** The official score of a classifier in each of some languages. */
export async function scoreLanguages(
  classify: Classifier | ExternalClassifier,
  dataset: Pick<Dataset, 'task' | 'labels' | 'dev'>,
  languages: Iterable<string>,
): Promise<Record<string, number>> {
  const scores: Record<string, number> = {};
  for (const language of languages) {
    const { score } = await evaluateLanguage(classify, dataset, language, dataset.dev.get(language)!);
    scores[language] = score;
  }
  return scores;
}

async function predictChunk(
  classify: Classifier | ExternalClassifier,
  { task, labels }: { readonly task: Task; readonly labels: readonly string[] },
  { gold, encoded, offsets }: DevChunk,
  onTokens: (tokens: number) => void,
): Promise<Predictions> {
  if (task.kind === 'span') {
    const spans = await predictSpans(classify, encoded, onTokens);
    const answers = gold.flatMap((example, i) => {
      if (example.kind !== 'span') return [];
      const [best] = bestAnswers(example.context, spans.slice(offsets[i], offsets[i + 1]));
      return [[example.id, best?.text ?? ''] as const];
    });
    return Object.fromEntries(answers);
  }
  const classes = await predictClasses(classify, encoded, onTokens);
  if (task.kind !== 'token') return classes.map(([label]) => labels[label!]!);
  // The official scorer counts a word without a prediction as "O".
  return classes.map((words) => [...words].map((label) => (label < 0 ? 'O' : labels[label]!)));
}

function joinPredictions(parts: readonly Predictions[]): Predictions {
  return Array.isArray(parts[0])
    ? (parts.flat() as Predictions)
    : (Object.assign({}, ...parts) as Predictions);
}
