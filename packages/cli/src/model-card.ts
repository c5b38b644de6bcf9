import type { HeadKind } from '@sdq/models';
import { meanScore, type Results, sortLanguages } from '@sdq/pipeline';

/** What the card of an exported model tells. */
export interface CardFacts {
  readonly head: { readonly kind: HeadKind; readonly labels: readonly string[] };
  readonly format: 'onnx' | 'safetensors';
  /** How the integers stand in an ONNX graph; absent for floats. */
  readonly form?: string | undefined;
  /** The bits of the weights; absent for floats. */
  readonly weightBits: readonly number[];
  readonly bytes: number;
  readonly license: string | undefined;
  /** The run that the model comes from, and which of its versions it is. */
  readonly run?: { readonly results: Results; readonly version: string } | undefined;
  readonly sdqVersion: string;
}

const MADE: Readonly<Record<string, string>> = {
  fp32: 'Fine-tuned on the English training set, in float32.',
  ptq: 'Fine-tuned on the English training set, then quantized after training (PTQ) with ranges from English text.',
  qat: 'Fine-tuned on the English training set, then trained on with simulated quantization (QAT).',
  sdq: "Fine-tuned on the English training set, then trained on by self-distilled quantization: the fp32 model teaches its quantized copy its logits and its attention outputs (Att-KLD; [O'Neill and Dutta 2023](https://arxiv.org/abs/2307.05972)).",
  sdqMse:
    "Fine-tuned on the English training set, then trained on by self-distilled quantization: the fp32 model teaches its quantized copy its logits and its attention outputs (Att-MSE; [O'Neill and Dutta 2023](https://arxiv.org/abs/2307.05972)).",
};

/** README.md of an exported model, with the fields that model hubs read on top. */
export function modelCard(facts: CardFacts): string {
  const { head, format, license, run, weightBits } = facts;
  const base = run && baseName(run.results);
  const precision = weightBits.length === 0 ? 'fp32' : `int${weightBits.join('/')}`;
  const languages = run ? sortLanguages(Object.keys(run.results.scores[run.version] ?? {})) : [];
  const fields = [
    '---',
    `license: ${license ?? 'other'}`,
    ...(languages.length > 0 ? ['language:', ...languages.map((language) => `  - ${language}`)] : []),
    `pipeline_tag: ${head.kind === 'sequence-classification' ? 'text-classification' : head.kind}`,
    `library_name: ${format === 'onnx' ? 'transformers.js' : 'transformers'}`,
    'tags:',
    ...['sdq', precision, ...(format === 'onnx' ? ['onnx'] : [])].map((tag) => `  - ${tag}`),
    '---',
  ];
  const title = [base, run?.results.task, precision].filter((part) => part !== undefined).join(', ');
  const parts = [
    fields.join('\n'),
    `# ${title}`,
    `${what(facts)} ${(facts.bytes / 1e6).toFixed(1)} MB.`,
    '## Scores',
    run ? scores(run.results, run.version, languages) : 'None were recorded beside the model.',
    '## How it was made',
    run ? made(run.results, run.version) : 'Nothing was recorded beside the model.',
    `Written by sdq ${facts.sdqVersion}.`,
    '## Use',
    usage(facts),
    '## Licence',
    license === undefined
      ? `Not stated. It follows from the licence of the model that this one was made from${base ? `, ${base}` : ''}, and of the data.`
      : `${license}, as the model that this one was made from${base ? `, ${base}` : ''}.`,
  ];
  return `${parts.join('\n\n')}\n`;
}

/** The last part of the path of the model that a run started from. */
export function baseName(results: Results): string | undefined {
  const { model } = (results.config ?? {}) as { model?: unknown };
  return typeof model === 'string' ? model.split(/[\\/]/).filter(Boolean).at(-1) : undefined;
}

function what({ head, format, form, weightBits }: CardFacts): string {
  const decides =
    head.kind === 'question-answering'
      ? 'where the answer to a question stands in a text'
      : `${head.kind === 'token-classification' ? 'a tag for each word' : 'a label for each text'}, one of ${head.labels.length} (${head.labels.join(', ')})`;
  const integers =
    weightBits.length === 0
      ? 'Weights in float32'
      : `Weights in ${weightBits.join(' and ')} bits, inputs of its layers in 8${form === undefined ? '' : form === 'qdq' ? ', as QuantizeLinear and DequantizeLinear' : ', as MatMulInteger'}`;
  return `An encoder that gives ${decides}. ${integers}; ${format === 'onnx' ? 'ONNX, operator set 17' : 'safetensors'};`;
}

function scores(results: Results, version: string, languages: readonly string[]): string {
  const own = results.scores[version]!;
  const fp32 = version === 'fp32' ? undefined : results.scores.fp32;
  const row = (name: string, pick: (scores: Readonly<Record<string, number>>) => number) =>
    `| ${name} | ${[own, ...(fp32 ? [fp32] : [])].map((one) => (100 * pick(one)).toFixed(1)).join(' | ')} |`;
  const zeroShot = languages.filter((language) => language !== 'en');
  return [
    `XGLUE ${results.task} dev, ${results.metric}, in percent. Trained on English alone; the other languages are zero-shot.`,
    '',
    `| language | this model |${fp32 ? ' fp32 |' : ''}`,
    `| --- | --- |${fp32 ? ' --- |' : ''}`,
    ...languages.map((language) => row(language, (one) => one[language] ?? Number.NaN)),
    row('average', (one) => meanScore(one, languages)),
    ...(zeroShot.length > 0 ? [row('zero-shot average', (one) => meanScore(one, zeroShot))] : []),
    '',
    'They are scores of the model in process; `sdq verify` tells how far the answers of this file differ.',
  ].join('\n');
}

function made(results: Results, version: string): string {
  const base = baseName(results);
  const losses = version === 'sdq' ? results.config.distillation.losses : undefined;
  const how = losses
    ? `Fine-tuned on the English training set, then trained on by self-distilled quantization: the fp32 model teaches its quantized copy by the losses ${Object.keys(losses).join(', ')}.`
    : MADE[version];
  const hours = (results.seconds / 3600).toFixed(1);
  return [
    ...(base ? [`Started from ${base}.`] : []),
    how ?? `Version "${version}" of a run.`,
    `The whole run took ${hours} hours on ${results.machine}. What was asked of it:`,
    '',
    '```json',
    JSON.stringify(withoutPaths(results), null, 2),
    '```',
  ].join('\n');
}

/** What was asked of a run, without the paths of the machine that it ran on. */
function withoutPaths(results: Results): unknown {
  const { data: _data, out: _out, ...asked } = results.config as Record<string, unknown>;
  return { ...asked, model: baseName(results) };
}

function usage({ head, format }: CardFacts): string {
  const task = head.kind === 'sequence-classification' ? 'text-classification' : head.kind;
  const input =
    head.kind === 'question-answering' ? `'Who sleeps?', 'The dog sleeps.'` : `'Der Hund schläft.'`;
  if (format === 'onnx') {
    return [
      '```js',
      `import { env, pipeline } from '@huggingface/transformers';`,
      '',
      `env.localModelPath = '..'; // the folder that holds this one`,
      'env.allowRemoteModels = false;',
      `const predict = await pipeline('${task}', 'NAME-OF-THIS-FOLDER');`,
      `console.log(await predict(${input}));`,
      '```',
    ].join('\n');
  }
  const name = {
    'text-classification': 'SequenceClassification',
    'token-classification': 'TokenClassification',
  };
  const suffix = name[task as keyof typeof name] ?? 'QuestionAnswering';
  return [
    '```python',
    `from transformers import AutoModelFor${suffix}, AutoTokenizer`,
    '',
    `model = AutoModelFor${suffix}.from_pretrained("FOLDER")  # integer weights need the package compressed-tensors`,
    `tokenizer = AutoTokenizer.from_pretrained("FOLDER")`,
    '```',
  ].join('\n');
}
