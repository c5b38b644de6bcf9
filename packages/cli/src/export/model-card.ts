import { listed } from '@sdq/core';
import {
  languageNames,
  meanScore,
  methodOfVersion,
  ptqRecipe,
  type Results,
  sortLanguages,
  startOf,
  trainingSentence,
  zeroShotLanguages,
  zeroShotName,
} from '@sdq/core/results';
import type { HeadKind } from '@sdq/models';
import { type Precision, precisionText } from '@sdq/serve';

/** What the card of an exported model tells. */
export interface CardFacts {
  readonly head: { readonly kind: HeadKind; readonly labels: readonly string[] };
  /** The operators of the graph and their set; absent for safetensors. */
  readonly onnx?: { readonly operators: readonly string[]; readonly opset: number } | undefined;
  readonly precision: Precision;
  readonly bytes: number;
  readonly license: string | undefined;
  /** The run that the model comes from, and which of its versions it is. */
  readonly run?: { readonly results: Results; readonly version: string } | undefined;
  readonly sdqVersion: string;
}

/** README.md of an exported model, with the fields that model hubs read on top. */
export function modelCard(facts: CardFacts): string {
  const { head, onnx, license, run } = facts;
  const { weightBits } = facts.precision;
  const base = run && baseName(run.results);
  const precision = weightBits.length === 0 ? 'fp32' : `int${weightBits.join('/')}`;
  const languages = run ? sortLanguages(Object.keys(run.results.scores[run.version] ?? {})) : [];
  const fields = [
    '---',
    `license: ${license ?? 'other'}`,
    ...(languages.length > 0 ? ['language:', ...languages.map((language) => `  - ${language}`)] : []),
    `pipeline_tag: ${head.kind === 'sequence-classification' ? 'text-classification' : head.kind}`,
    `library_name: ${onnx ? 'transformers.js' : loadsIn(facts)}`,
    'tags:',
    ...['sdq', precision, ...(onnx ? ['onnx'] : [])].map((tag) => `  - ${tag}`),
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

/** The last part of the path of the model that a run started from; undefined where its results do not tell. */
export function baseName(results: Results): string | undefined {
  return nameOf(startOf(results));
}

function nameOf(path: unknown): string | undefined {
  return typeof path === 'string' ? path.split(/[\\/]/).filter(Boolean).at(-1) : undefined;
}

// By these a graph computes with integers, or says that a runtime may.
const INTEGER_OPERATORS = ['QuantizeLinear', 'DequantizeLinear', 'MatMulInteger', 'MatMulNBits'];

function what({ head, onnx, precision }: CardFacts): string {
  const decides =
    head.kind === 'question-answering'
      ? 'where the answer to a question stands in a text'
      : `${head.kind === 'token-classification' ? 'a tag for each word' : 'a label for each text'}, one of ${head.labels.length} (${listed(head.labels, 50)})`;
  const text = precisionText(precision);
  const numbers = precision.weightBits.length === 0 ? `Weights in ${text}` : sentence(text);
  const used = INTEGER_OPERATORS.filter((operator) => onnx?.operators.includes(operator));
  const operators = used.length > 0 ? ` with ${used.join(', ')}` : '';
  return `An encoder that gives ${decides}. ${numbers}; ${onnx ? `ONNX, operator set ${onnx.opset}${operators}` : 'safetensors'};`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

/** The library that reads the safetensors: signs and codebooks are formats of sdq's own. */
function loadsIn({ precision: { weightBits, matrices } }: CardFacts): 'transformers' | 'sdq' {
  return weightBits.includes(1) || matrices.codebooks > 0 ? 'sdq' : 'transformers';
}

function scores(results: Results, version: string, languages: readonly string[]): string {
  const own = results.scores[version]!;
  const fp32 = version === 'fp32' ? undefined : results.scores.fp32;
  const row = (name: string, pick: (scores: Readonly<Record<string, number>>) => number) =>
    `| ${name} | ${[own, ...(fp32 ? [fp32] : [])].map((one) => (100 * pick(one)).toFixed(1)).join(' | ')} |`;
  const { config } = results;
  const zeroShot = zeroShotLanguages([results], languages);
  const limit =
    config.devLimit === undefined ? '' : `, the first ${config.devLimit} examples of each language at most`;
  const trained = trainingSentence(results);
  return [
    `Task ${results.task}, dev sets, ${results.metric}, in percent${limit}.${trained === undefined ? '' : ` ${trained}`}`,
    '',
    `| language | this model |${fp32 ? ' fp32 |' : ''}`,
    `| --- | --- |${fp32 ? ' --- |' : ''}`,
    ...languages.map((language) => row(language, (one) => one[language] ?? Number.NaN)),
    row('average', (one) => meanScore(one, languages)),
    ...(zeroShot.length > 0
      ? [row(`${zeroShotName([results])} average`, (one) => meanScore(one, zeroShot))]
      : []),
    '',
    'They are scores of the model in process; `sdq verify` tells how far the answers of this file differ.',
  ].join('\n');
}

function made(results: Results, version: string): string {
  const base = baseName(results);
  const method = methodOfVersion(version);
  const hours = (results.seconds / 3600).toFixed(1);
  return [
    ...(base ? [`Started from ${base}.`] : []),
    teacherMade(results),
    ...(method ? [`That model was then ${method.made(results.config)}${recipe(results, version)}.`] : []),
    ...(method || version === 'fp32' ? [] : [`Version "${version}" of a run.`]),
    `The whole run took ${hours} hours on ${results.machine}. What was asked of it:`,
    '',
    '```json',
    JSON.stringify(withoutPaths(results), null, 2),
    '```',
  ].join('\n');
}

/** By which recipe PTQ made a version, and why that was saved. */
function recipe({ ptq }: Results, version: string): string {
  const name = ptqRecipe(version);
  if (name === undefined) return '';
  const count = Object.keys(ptq?.distances ?? {}).length;
  const chosen =
    ". Of the run's recipes whose models can be saved, its logits are the closest to the fp32 model's on training text that was held out";
  return ` by the recipe ${name}${count > 1 ? chosen : ''}`;
}

/** How the fp32 model came about, as far as the run knows. */
function teacherMade({ config, trainLanguages }: Results): string {
  if (config.teacher !== undefined) return 'A fine-tuned model in float32 was given to the run.';
  const data = trainLanguages ? ` on the ${languageNames(trainLanguages)} training set` : '';
  const noise = config.finetune?.noise
    ? ', with random blocks of the weights quantized in each step (Quant-Noise)'
    : '';
  return `Fine-tuned in float32${data}${noise}.`;
}

/** What was asked of a run, without the paths of the machine that it ran on. */
function withoutPaths(results: Results): unknown {
  const { data: _data, out: _out, model, teacher, plugins, ...asked } = results.config;
  return {
    ...asked,
    ...(model !== undefined && { model: nameOf(model) }),
    ...(teacher !== undefined && { teacher: nameOf(teacher) }),
    ...(plugins !== undefined && { plugins: plugins.map(nameOf) }),
  };
}

function usage(facts: CardFacts): string {
  const { head, onnx, precision } = facts;
  const task = head.kind === 'sequence-classification' ? 'text-classification' : head.kind;
  const input =
    head.kind === 'question-answering' ? `'Who sleeps?', 'The dog sleeps.'` : `'Der Hund schläft.'`;
  if (onnx) {
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
  if (loadsIn(facts) === 'sdq') {
    const line = head.kind === 'question-answering' ? 'Who sleeps?\\tThe dog sleeps.' : 'Der Hund schläft.';
    return ['```sh', `printf '${line}\\n' | npx sdq predict FOLDER`, '```'].join('\n');
  }
  const integers =
    precision.weightBits.length > 0 ? '  # integer weights need the package compressed-tensors' : '';
  const name = {
    'text-classification': 'SequenceClassification',
    'token-classification': 'TokenClassification',
  };
  const suffix = name[task as keyof typeof name] ?? 'QuestionAnswering';
  return [
    '```python',
    `from transformers import AutoModelFor${suffix}, AutoTokenizer`,
    '',
    `model = AutoModelFor${suffix}.from_pretrained("FOLDER")${integers}`,
    `tokenizer = AutoTokenizer.from_pretrained("FOLDER")`,
    '```',
  ].join('\n');
}
