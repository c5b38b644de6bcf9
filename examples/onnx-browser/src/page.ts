import { type Answer, type Loaded, type Message, MODELS, type ModelName } from './messages.ts';
import { missingFeature } from './missing-feature.ts';

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const [text, pair, table] = [
  element<HTMLTextAreaElement>('text'),
  element<HTMLTextAreaElement>('pair'),
  element('table'),
];
const loaded = new Map<ModelName, Loaded>();
const failed = new Map<ModelName, string>();

const megabytes = (bytes: number) =>
  `${(bytes / 1e6).toLocaleString('en', { maximumFractionDigits: bytes < 1e6 ? 3 : 1 })} MB`;
const percent = (share: number) => `${(100 * share).toFixed(1)}\u00a0%`;

function showErrors(): void {
  element('error').textContent = MODELS.filter((model) => failed.has(model))
    .map((model) => `${model}: ${failed.get(model)}`)
    .join(' ');
}

function row(head: string, cells: readonly string[], differs = false): HTMLTableRowElement {
  const line = document.createElement('tr');
  const name = line.appendChild(document.createElement('th'));
  name.scope = 'row';
  // Arabic and Hebrew words run from the right.
  name.dir = 'auto';
  name.textContent = head;
  for (const cell of cells) line.appendChild(document.createElement('td')).textContent = cell;
  if (differs) line.classList.add('differs');
  return line;
}

function showAnswers(answers: Readonly<Partial<Record<ModelName, Answer>>>): void {
  const given = MODELS.flatMap((model) => answers[model] ?? []);
  const first = given[0]?.decisions ?? [];
  let different = 0;
  const lines = first.map(({ word, label }, i) => {
    const differs = given.some(({ decisions }) => decisions[i]!.label !== label);
    if (differs) different++;
    const cells = MODELS.map((model) => {
      const decision = answers[model]?.decisions[i];
      if (decision === undefined) return '';
      return decision.label === '' ? 'cut off' : `${decision.label} ${percent(decision.probability)}`;
    });
    return row(word || 'Answer', cells, differs);
  });
  element('answers').replaceChildren(...lines);
  for (const model of MODELS) {
    const answer = answers[model];
    element(`${model}-time`).textContent = answer ? `${answer.milliseconds.toFixed(1)} ms` : '';
  }
  const all = first.length === 1 ? 'The answers are' : `All ${first.length} answers are`;
  element('summary').textContent =
    given.length < 2 || first.length === 0
      ? ''
      : different === 0
        ? `${all} the same.`
        : `Different: ${different} of ${first.length}, marked ≠.`;
}

function showLoaded(): void {
  const [one, other] = MODELS.map((model) => loaded.get(model)?.labels.join('\n'));
  if (one !== undefined && other !== undefined && one !== other) {
    element('error').textContent =
      'The two models have different labels: export the student and the teacher of one run.';
    document.body.dataset.state = 'failed';
    return;
  }
  if (loaded.size + failed.size < MODELS.length) return;
  const [model] = loaded.values();
  if (model === undefined) {
    document.body.dataset.state = 'failed';
    return;
  }
  element('pair-field').hidden = model.tagsWords;
  const why = self.crossOriginIsolated ? '' : ' Browsers allow more at https and localhost only.';
  element('threads').textContent = `Threads: ${model.threads}.${why}`;
  text.disabled = false;
  document.body.dataset.state = 'ready';
}

function start(): void {
  const worker = new Worker('worker.js', { type: 'module' });
  let asked = false;
  let stale = false;
  const ask = () => {
    stale = asked;
    table.ariaBusy = 'true';
    if (asked) return;
    asked = true;
    worker.postMessage({ text: text.value, pair: pair.value });
  };
  worker.addEventListener('message', ({ data }: MessageEvent<Message>) => {
    if (data.kind === 'progress') {
      element(`${data.model}-model`).textContent = `${megabytes(data.bytes)} of ${megabytes(data.of)}`;
    } else if (data.kind === 'loaded') {
      loaded.set(data.model, data);
      element(`${data.model}-model`).textContent = megabytes(data.modelBytes);
      element(`${data.model}-tokenizer`).textContent = megabytes(data.tokenizerBytes);
      showLoaded();
    } else if (data.kind === 'failed') {
      failed.set(data.model, data.message);
      showErrors();
      showLoaded();
    } else {
      asked = false;
      showAnswers(text.value.trim() === '' ? {} : data.answers);
      if (stale) ask();
      else table.ariaBusy = 'false';
    }
  });
  worker.addEventListener('error', ({ message }) => {
    element('error').textContent = `The page's worker failed: ${message || 'its script cannot be loaded'}.`;
    document.body.dataset.state = 'failed';
  });
  for (const field of [text, pair]) field.addEventListener('input', ask);
}

const missing = missingFeature();
if (missing === undefined) start();
else {
  element('error').textContent = missing;
  document.body.dataset.state = 'failed';
}
