// How often the paired test of a mean over languages finds a difference where there is none: two models that are alike, whose errors on the
// translations of an example go together. `node tooling/results/significance-simulation.mjs` prints a Markdown table for several correlations.
import { fileURLToPath } from 'node:url';
import { Random } from '@sdq/core';
import { markdownTable } from '@sdq/report';
import { meanConfidenceInterval, pairedMeanTest, tally } from '@sdq/xglue';

/**
 * The share of trials whose p is below .05, and of those whose interval holds the true mean.
 *
 * @param correlation - between an example's errors in two languages before they are cut to right and wrong; the models err independently
 * @param cluster - how many examples in a row share a premise, and all of what languages share
 */
export function simulate({ correlation, languages, examples, cluster = 1, trials, samples, seed }) {
  const random = new Random(seed);
  let [significant, covered] = [0, 0];
  for (let trial = 0; trial < trials; trial++) {
    const models = [0, 1].map(() => answers(random, { correlation, languages, examples, cluster }));
    const [first, second] = models.map((rights) =>
      rights.map((row, language) => tallyOf(row, language, cluster)),
    );
    /** @type {[import('@sdq/xglue').Tally, import('@sdq/xglue').Tally][][]} */
    const groups = first.map((one, language) => [[one, second[language]]]);
    const { p } = pairedMeanTest(groups, { samples, random: random.fork(`swaps ${trial}`) });
    if (p < 0.05) significant += 1;
    const { low, high } = meanConfidenceInterval(first);
    if (low <= RIGHT && RIGHT <= high) covered += 1;
  }
  return { significant: significant / trials, covered: covered / trials };
}

/** The chance of a right answer: that of a standard normal number below .67. */
const RIGHT = 0.7485711;

/** [languages][examples]: whether a model is right. */
function answers(random, { correlation, languages, examples, cluster }) {
  const shared = Array.from({ length: Math.ceil(examples / cluster) }, () => normal(random));
  return Array.from({ length: languages }, () =>
    Array.from({ length: examples }, (_, i) => {
      const own = Math.sqrt(1 - correlation) * normal(random);
      return Math.sqrt(correlation) * shared[Math.floor(i / cluster)] + own < 0.67;
    }),
  );
}

function tallyOf(rights, language, cluster) {
  const gold = rights.map((_, i) => ({
    kind: 'text',
    texts: [`premise ${Math.floor(i / cluster)} in language ${language}`, `hypothesis ${i}`],
    label: 'neutral',
  }));
  return tally(
    'XNLI',
    gold,
    rights.map((right) => (right ? 'neutral' : 'entailment')),
  );
}

/** A standard normal number (Box and Muller 1958). */
function normal(random) {
  return Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const shape = { languages: 15, examples: 198, trials: 1000, samples: 999, seed: 0 };
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  const rows = [0, 0.2, 0.5, 0.8].flatMap((correlation) =>
    [1, 3].map((cluster) => {
      const { significant, covered } = simulate({ ...shape, correlation, cluster });
      return [String(correlation), String(cluster), percent(significant), percent(covered)];
    }),
  );
  console.log(
    markdownTable([['correlation', 'examples a cluster', 'p below .05', 'interval holds'], ...rows]),
  );
}
