import type { Fairness, LanguageChange, Range95 } from './language-changes.ts';
import type { AverageChange, LanguageScores } from './results.ts';

/** The scores of one model. */
export interface ModelScores {
  readonly model: string;
  /** Whether its weights are stored as integers. */
  readonly quantized: boolean;
  /** In which numbers its weights and inputs are, in words; absent where the model does not tell. */
  readonly precision?: string;
  /** By language, each in [0, 1]. */
  readonly scores: LanguageScores;
  /** The mean over the languages. */
  readonly average: number;
  /** The 95 % interval of each score. */
  readonly intervals: Readonly<Record<string, Range95>>;
  /** That of the average, where an example and its translations are one unit. */
  readonly averageInterval: Range95;
  /** The best and the worst language, and the gap. */
  readonly fairness: Fairness;
  /** To how many tokens longer texts were cut. */
  readonly maxLength: number;
  /** Examples that were longer and were cut, by language. */
  readonly cut: Readonly<Record<string, number>>;
}

/** What an evaluation found: what `sdq evaluate --json` prints. */
export interface Evaluation extends ModelScores {
  readonly task: string;
  /** What the scores are, in the official scorer's terms. */
  readonly metric: string;
  /** Which texts were scored: `dev` or another split. */
  readonly split: string;
  /** Examples scored, by language. */
  readonly examples: Readonly<Record<string, number>>;
  /** Languages that the official benchmark does not have for this task. */
  readonly unofficialLanguages: readonly string[];
  /** What reading the data tolerated, and which official languages are missing. */
  readonly remarks: readonly string[];
  /** The model compared with, and the change from it to this one. */
  readonly against?: ModelScores & {
    readonly changes: Readonly<Record<string, LanguageChange>>;
    readonly averageChange: AverageChange;
  };
}
