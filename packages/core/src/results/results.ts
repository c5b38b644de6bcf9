import type { Fairness, LanguageChange, Range95 } from './language-changes.ts';
import { type MethodConfig, markedLabel, type PtqChoice, scoredVersions } from './methods.ts';
import { type TrainedRun, zeroShotLanguages, zeroShotName } from './trained-languages.ts';

/** A score per language, each in [0, 1]. */
export type LanguageScores = Readonly<Record<string, number>>;

/** Bytes of the parts of a model. */
export type PartBytes = Readonly<Record<'embeddings' | 'layers' | 'head', number>>;

/** What is known of a teacher that a run was given, from the results of the run that made it. */
export interface TeacherRecord {
  /** The checkpoint that it was fine-tuned from. */
  readonly model?: string;
  /** The languages of the text that it was fine-tuned on. */
  readonly trainLanguages?: readonly string[];
}

/** How the average over the languages changed between two models. */
export type AverageChange = Pick<LanguageChange, 'difference' | 'p'>;

/** How the finished integer model's logits differ from those of the fake-quantized model that was trained. */
export interface FinishCheck {
  readonly largestDifference: number;
  readonly largestLogit: number;
  /** The share of rows of logits whose largest is the same, in [0, 1]. */
  readonly samePredictions: number;
  /** Whether the largest difference is so small that it counts as none. */
  readonly equal: boolean;
}

/** What readers of results need of the configuration of the run; the file holds all of it. */
export interface RecordedConfig extends MethodConfig {
  readonly task: string;
  readonly data: string;
  readonly out: string;
  readonly model: string;
  readonly teacher?: string | undefined;
  readonly plan:
    | string
    | readonly {
        readonly match: string;
        readonly weight?: string | undefined;
        readonly activationBits?: number | undefined;
        readonly activationScheme?: 'asymmetric' | 'symmetric' | 'per-token' | undefined;
      }[];
  readonly seed: number;
  readonly languages?: readonly string[] | undefined;
  readonly maxLength: number;
  readonly trainLimit?: number | undefined;
  readonly devLimit?: number | undefined;
  readonly plugins?: readonly string[] | undefined;
  readonly finetune?: { readonly noise?: object | undefined };
}

/** What a run found: the content of `results.json`. */
export interface Results {
  readonly task: string;
  /** What the scores are, in the official scorer's terms. */
  readonly metric: string;
  /**
   * By version, then language. Those of PTQ are called after their recipes, as `ptq-mse`; `ptq` repeats the best of them.
   */
  readonly scores: Readonly<Record<string, LanguageScores>>;
  /** Which PTQ version is the best, where there is one. */
  readonly ptq?: PtqChoice;
  /** The mean over all languages, by version. */
  readonly average: Readonly<Record<string, number>>;
  /** The languages of the text that the run trained and calibrated on; older runs lack it. */
  readonly trainLanguages?: readonly string[];
  /** What is known of the teacher, where it was given; older runs lack it. */
  readonly teacherRecord?: TeacherRecord;
  /** The mean over the languages that were not trained on, as far as the run knows, by version. */
  readonly averageZeroShot: Readonly<Record<string, number>>;
  /** The 95 % interval of each score, by version and language. */
  readonly intervals: Readonly<Record<string, Readonly<Record<string, Range95>>>>;
  /**
   * That of each version's average. Older runs lack it: their intervals and p values take the translations of an example for
   * independent, and claim too much.
   */
  readonly averageIntervals?: Readonly<Record<string, Range95>>;
  /** How each quantized version's average differs from fp32's, and the p value; older runs lack it. */
  readonly averageChanges?: Readonly<Record<string, AverageChange>>;
  /** How each quantized version differs from fp32 in each language, and whether that is significant. */
  readonly changes: Readonly<Record<string, Readonly<Record<string, LanguageChange>>>>;
  /** The best and the worst language of each version. */
  readonly fairness: Readonly<Record<string, Fairness>>;
  /** The share of the most frequent label, or tag, in each language: what a constant guess scores. */
  readonly majority: LanguageScores;
  /** Examples scored, by language. */
  readonly examples: Readonly<Record<string, number>>;
  /** What reading the data tolerated, and which official languages are missing. */
  readonly remarks: readonly string[];
  /** Examples that were longer than `maxLength` of the configuration and were cut, by language. */
  readonly cut: Readonly<Record<string, number>>;
  /** Languages that the official benchmark does not have for this task. */
  readonly unofficialLanguages: readonly string[];
  /** Bytes of the weights files on disk: the teacher's and, by its version, the student's. */
  readonly bytes: { readonly fp32: number; readonly [version: string]: number };
  /** The same by part of the model, without the file's header; older runs lack it. */
  readonly bytesByPart?: { readonly fp32: PartBytes; readonly [version: string]: PartBytes };
  /** By method: how the finished student's logits differ from those of the model that was trained. */
  readonly finish: Readonly<Record<string, FinishCheck>>;
  /** Tokens of training text a second, over all stages; null where nothing was trained. */
  readonly trainTokensPerSecond: number | null;
  /** The largest resident memory of the process. */
  readonly peakMemoryBytes: number;
  /** Wall time of the run, without set-up; a run that was interrupted adds its parts up. */
  readonly seconds: number;
  /** Wall time by stage. */
  readonly stageSeconds: Readonly<Record<string, number>>;
  readonly backend: string;
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly config: RecordedConfig;
}

/** The version whose weights are on disk beside the teacher's, as the student; undefined where none is. */
export function studentVersion({ bytes }: Pick<Results, 'bytes'>): string | undefined {
  return Object.keys(bytes).find((version) => version !== 'fp32');
}

/**
 * The mean of the scores of some languages.
 *
 * @example
 * ```ts
 * import { meanScore } from '@sdq/core/results';
 *
 * meanScore({ en: 1, de: 0.5 }, ['en', 'de']); // 0.75
 * ```
 */
export function meanScore(
  scores: LanguageScores,
  languages: readonly string[] = Object.keys(scores),
): number {
  return languages.reduce((sum, language) => sum + scores[language]!, 0) / languages.length;
}

/**
 * The scores as rows of text: a row a language, a column a version, averages last.
 *
 * @param run - what was asked and trained on; if absent, no label says what was distilled, or which languages are zero-shot
 *
 * @example
 * ```ts
 * import { scoreTable } from '@sdq/core/results';
 *
 * scoreTable({ fp32: { en: 0.9 }, sdq: { en: 0.89 } })[1]; // ['en', '90.0', '89.0']
 * ```
 */
export function scoreTable(
  scores: Results['scores'],
  run?: TrainedRun & { readonly config: MethodConfig; readonly ptq?: PtqChoice | undefined },
): string[][] {
  const versions = scoredVersions(scores);
  const languages = sortLanguages(Object.keys(scores.fp32 ?? {}));
  const row = (label: string, pick: (version: string) => number) => [
    label,
    ...versions.map((version) => (100 * pick(version)).toFixed(1)),
  ];
  const zeroShot = zeroShotLanguages(run ? [run] : [{ config: {} }], languages);
  return [
    ['', ...versions.map((version) => markedLabel(version, run ?? { config: { distillation: {} } }))],
    ...languages.map((language) => row(language, (version) => scores[version]![language]!)),
    row('average', (version) => meanScore(scores[version]!, languages)),
    ...(zeroShot.length > 0
      ? [row(run ? zeroShotName([run]) : 'without en', (version) => meanScore(scores[version]!, zeroShot))]
      : []),
  ];
}

/** English first; the others by their codes. */
export function sortLanguages(languages: readonly string[]): string[] {
  return [...languages].sort((a, b) => Number(b === 'en') - Number(a === 'en') || (a < b ? -1 : 1));
}
