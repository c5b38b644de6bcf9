import { existsSync, readdirSync, statSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { SdqError } from '@sdq/core';
import { type Results, readResults, studentVersion } from '@sdq/core/results';
import {
  configFile,
  loadTokenizer,
  maxSequenceLength,
  saveModel,
  saveQuantizedModel,
  writeFileAtomically,
} from '@sdq/models';
import { type IntegerForm, QUANTIZED_FILE, WHOLE_FILE, writeOnnx } from '@sdq/onnx';
import { loadSavedModel, precisionOf, precisionText, type SavedModel } from '@sdq/serve';
import {
  baseName,
  type CardFacts,
  EXPORT_FILE,
  modelCard,
  tokenizerConfig,
  writeStagedFolder,
} from '../export/index.ts';
import { VERSION } from '../terminal/index.ts';

/** The flags of `sdq export`. */
export interface ExportFlags {
  readonly format: 'onnx' | 'safetensors';
  readonly target: 'cpu' | 'web';
  readonly out: string;
  readonly force?: boolean;
  readonly nibbles?: boolean;
  readonly license?: string;
  readonly json?: boolean;
}

/** Licences of the models that runs start from by default. */
const LICENSES: Readonly<Record<string, string>> = { 'multilingual-e5-small': 'mit' };

/** `sdq export`: a folder that other programs load. */
export async function exportAction(folder: string, flags: ExportFlags): Promise<void> {
  const { format, out } = flags;
  if (format === 'safetensors' && (flags.nibbles || flags.target === 'web')) {
    throw new SdqError(
      'bad-option',
      `${flags.nibbles ? '--nibbles' : '--target web'} is for --format onnx, and the format is safetensors.`,
    );
  }
  const model = await loadSavedModel(folder);
  requireDistinct(folder, model.head.labels);
  // A tokenizer that this project cannot read would make a folder that it cannot verify.
  await loadTokenizer(folder);
  const quantized = 'weights' in model;
  if (flags.nibbles && !quantized) {
    throw new SdqError(
      'bad-option',
      `${folder} is not quantized: --nibbles stores weights of at most 4 bits.`,
    );
  }
  const form: IntegerForm | undefined =
    format === 'onnx' && quantized ? (flags.target === 'web' ? 'qdq' : 'qoperator') : undefined;
  let total = 0;
  await writeStagedFolder(
    out,
    { marker: EXPORT_FILE, force: flags.force ?? false, keep: folder },
    async (staged) => {
      const onnx =
        format === 'safetensors'
          ? await writeSafetensorsFolder(staged, folder, model)
          : await writeOnnxFolder(staged, folder, model, form, flags.nibbles);
      const text = tokenizerConfig(join(folder, 'tokenizer.json'), maxSequenceLength(model.config));
      await writeFileAtomically(join(staged, 'tokenizer_config.json'), text);
      const bytes = weightBytes(staged);
      const run = runOf(folder, quantized);
      const license = flags.license ?? (run && LICENSES[baseName(run.results) ?? '']);
      const precision = precisionOf(model);
      const card = modelCard({
        head: model.head,
        onnx,
        precision,
        bytes,
        license,
        run,
        sdqVersion: VERSION,
      });
      await writeFileAtomically(join(staged, 'README.md'), card);
      const { weightBits } = precision;
      const made = {
        ...{ sdq: VERSION, format, ...(form && { form }), weightBits },
        precision: precisionText(precision),
      };
      await writeFileAtomically(join(staged, EXPORT_FILE), `${JSON.stringify(made, null, 2)}\n`);
      total = bytes;
    },
  );
  process.stdout.write(
    flags.json
      ? `${JSON.stringify({ folder: out, format, ...(form && { form }), bytes: total })}\n`
      : `Wrote ${out}: ${format}${form ? ` (${form})` : ''}, ${(total / 1e6).toFixed(1)} MB of weights.\n`,
  );
}

/** Labels are keys of config.json: of two that are alike one would be lost. */
function requireDistinct(folder: string, labels: readonly string[]): void {
  const twice = labels.find((label, i) => labels.indexOf(label) !== i);
  if (twice === undefined) return;
  throw new SdqError(
    'bad-label',
    `${folder} has two labels named "${twice}": rename one in its config.json.`,
  );
}

async function writeSafetensorsFolder(staged: string, folder: string, model: SavedModel): Promise<undefined> {
  if ('weights' in model) await saveQuantizedModel(staged, model, { tokenizerFrom: folder });
  else await saveModel(staged, { ...model, tokenizerFrom: folder });
}

/** The layout of transformers.js. */
async function writeOnnxFolder(
  staged: string,
  folder: string,
  model: SavedModel,
  form: IntegerForm | undefined,
  nibbles: boolean | undefined,
): Promise<CardFacts['onnx']> {
  const file = join(staged, 'weights' in model ? QUANTIZED_FILE : WHOLE_FILE);
  await mkdir(dirname(file));
  const { files, operators, opset } = await writeOnnx(
    file,
    model,
    form && { form, ...(nibbles && { nibbles }) },
  );
  const settings = {
    // So that it loads by default what lies here, and no other precision.
    dtype: 'weights' in model ? 'q8' : 'fp32',
    ...(files.length > 1 && { use_external_data_format: true }),
  };
  const config = { ...configFile(model.config, model.head), 'transformers.js_config': settings };
  await writeFileAtomically(join(staged, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
  await copyFile(join(folder, 'tokenizer.json'), join(staged, 'tokenizer.json'));
  return { operators, opset };
}

function weightBytes(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(onnx|onnx_data|safetensors)$/.test(name))
    .reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}

/** The results of the run that a model lies in, and the model's version. */
function runOf(folder: string, quantized: boolean): { results: Results; version: string } | undefined {
  const model = resolve(folder);
  const file = join(dirname(model), 'results.json');
  if (basename(model) !== (quantized ? 'student' : 'teacher') || !existsSync(file)) return undefined;
  const results = readResults(dirname(model));
  const version = quantized ? studentVersion(results) : 'fp32';
  const scores = version === undefined ? undefined : results.scores?.[version];
  if (version === undefined || scores === undefined) {
    throw new SdqError('bad-data', `${file} has no scores of ${folder}: export from a run's own folder.`);
  }
  return { results, version };
}
