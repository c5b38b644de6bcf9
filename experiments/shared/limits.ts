/**
 * How many examples of a task students are trained and scored on, the first ones of each language: a run then takes some ten
 * minutes on one core. NC has 701 training examples.
 */
export const limits = {
  POS: { trainLimit: 6000, devLimit: 200 },
  XNLI: { trainLimit: 3000, devLimit: 200 },
  NC: { devLimit: 200 },
  NER: { trainLimit: 4000, devLimit: 200 },
  PAWSX: { trainLimit: 1000, devLimit: 200 },
};
