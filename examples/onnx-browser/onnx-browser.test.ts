import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Reporter } from '@sdq/core';
import { useSdqCpu } from '@sdq/kernels-cpu';
import { loadTokenizer, packEncodings } from '@sdq/models';
import { OnnxSession } from '@sdq/onnx';
import { resolveRunConfig, run } from '@sdq/pipeline';
import { answerTexts, loadClassifier } from '@sdq/serve';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { exportAction } from '../../packages/cli/src/commands/export-action.ts';
import { writeTinyData, writeTinyModel } from '../../packages/pipeline/test/tiny-task.ts';
import { chromiumPath } from '../../tooling/ci/chromium.ts';
import { comparisonServer } from './serve.mjs';

const root = mkdtempSync(join(tmpdir(), 'sdq-onnx-page-'));
const at = (...names: string[]) => join(root, ...names);
const silent: Reporter = { message() {}, start() {}, progress() {}, stop() {}, event() {} };
const TEXTS = [
  'the cow and the star',
  'a old boat near the wave',
  'gull saw the barn',
  'корова near बादल , 牛 !',
  'moon',
];

beforeAll(async () => {
  await useSdqCpu();
  writeTinyData(at('xglue'));
  await writeTinyModel(at('base'));
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    for (const task of ['NC', 'POS'] as const) {
      const config = resolveRunConfig({
        task,
        data: at('xglue'),
        model: at('base'),
        out: at(task),
        methods: ['ptq'],
        ptq: ['min-max'],
        finetune: { epochs: 8, learningRate: 0.005, tokensPerBatch: 128 },
      });
      await run(config, silent, { backend: 'sdq-cpu' });
      const student = { format: 'onnx', out: at(`${task}-web`) } as const;
      await exportAction(at(task, 'student'), { ...student, target: 'web' });
      await exportAction(at(task, 'student'), { ...student, target: 'cpu', out: at(`${task}-cpu`) });
      await exportAction(at(task, 'teacher'), { ...student, target: 'cpu', out: at(`${task}-fp32`) });
    }
  } finally {
    write.mockRestore();
  }
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

if (!chromiumPath) describe('the page of two exported models', () => it.skip('needs chromium', () => {}));

describe.runIf(chromiumPath)('the page of two exported models', () => {
  let browser: Browser;
  const servers: Server[] = [];
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: chromiumPath!, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    for (const server of servers) server.close();
  });

  async function open(
    folders: { int8: string; fp32: string },
    { options = {}, before = '' }: { options?: BrowserContextOptions; before?: string } = {},
  ): Promise<{ page: Page; asked: string[]; origin: string }> {
    const server = await comparisonServer(folders);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const page = await browser.newPage(options);
    if (before !== '') await page.addInitScript(before);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
    await page.goto(`${origin}/`);
    await page.waitForSelector('body[data-state]', { timeout: 60_000 });
    return { page, asked, origin };
  }
  const error = (page: Page) => page.textContent('#error');

  it.each([
    ['NC', 'web'],
    ['NC', 'cpu'],
    ['POS', 'web'],
    ['POS', 'cpu'],
  ] as const)(
    'answers for %s, exported for %s, as onnxruntime-node and the models in process do',
    async (task, target) => {
      const folders = { int8: at(`${task}-${target}`), fp32: at(`${task}-fp32`) };
      const { page } = await open(folders);
      expect(await error(page)).toBe('');
      const shown = await answersInPage(page, TEXTS);
      for (const [column, name] of (['int8', 'fp32'] as const).entries()) {
        const node = await answersUnderNode(folders[name], TEXTS);
        const model = await loadClassifier(at(task, name === 'int8' ? 'student' : 'teacher'));
        const inProcess = await answerTexts(model, TEXTS);
        for (const [i, text] of TEXTS.entries()) {
          const found = shown[i]!.map(({ cells }) => cells[column]!);
          const one = inProcess[i]!;
          const answer = 'answer' in one ? one.answer : {};
          const labels = 'labels' in answer ? answer.labels : 'label' in answer ? [answer.label] : [];
          expect(
            found.map(({ label }) => label),
            `${name}: ${text}`,
          ).toEqual(labels);
          expect(found.map(({ label }) => label)).toEqual(node[i]!.map(({ label }) => label));
          // A tenth of a percent is what the page shows.
          found.forEach(({ percent }, word) => {
            expect(Math.abs(percent - 100 * node[i]![word]!.probability)).toBeLessThan(0.06);
          });
        }
      }
      // The answers are not all one label.
      expect(new Set(shown.flat().map(({ cells }) => cells[0]!.label)).size).toBeGreaterThan(2);
      const same = shown.flat().every(({ cells: [int8, fp32] }) => int8!.label === fp32!.label);
      expect(same).toBe(true);
      await page.close();
    },
  );

  it('shows the words of any language, times and sizes, and asks no other server', async () => {
    const { page, asked, origin } = await open({ int8: at('POS-web'), fp32: at('POS-fp32') });
    const [answers] = await answersInPage(page, ['The cow, ฉันรักภาษาไทย 我喜欢牛奶 <b>star</b>']);
    const words = answers!.map(({ word }) => word);
    expect(words.slice(0, 3)).toEqual(['The', 'cow', ',']);
    expect(words.join('')).toBe('Thecow,ฉันรักภาษาไทย我喜欢牛奶<b>star</b>');
    expect(words).toContain('喜欢');
    expect(words).toContain('ภาษา');
    expect(await page.textContent('#summary')).toMatch(
      /^(All \d+ answers are the same|Different: \d+ of \d+, marked ≠)\.$/,
    );
    for (const model of ['int8', 'fp32'] as const) {
      expect(await page.textContent(`#${model}-time`)).toMatch(/^\d+\.\d ms$/);
      const file = at(
        `POS-${model === 'int8' ? 'web' : 'fp32'}`,
        'onnx',
        model === 'int8' ? 'model_quantized.onnx' : 'model.onnx',
      );
      const bytes = statSync(file).size;
      expect(await page.textContent(`#${model}-model`)).toBe(`${Number((bytes / 1e6).toFixed(3))} MB`);
      expect(await page.textContent(`#${model}-tokenizer`)).toMatch(/^0\.\d+ MB$/);
    }
    expect(await page.textContent('#threads')).toMatch(/^Threads: [1-4]\.$/);
    expect(await page.isVisible('#pair')).toBe(false);
    expect(asked.length).toBeGreaterThan(8);
    expect(asked.filter((url) => !url.startsWith(`${origin}/`))).toEqual([]);
    for (const path of ['/package.json', '/int8/README.md', '/int8/..%2f..%2fpackage.json'])
      expect((await fetch(origin + path)).status).toBe(404);

    await page.fill('#text', '');
    await answered(page);
    expect(await page.textContent('#answers')).toBe('');
    await page.close();
  });

  it('says how many answers differ, and cuts off what the model cannot take', async () => {
    const { page } = await open({ int8: at('POS-web'), fp32: turned('POS-fp32') });
    const [answers] = await answersInPage(page, [Array(40).fill('cow').join(' ')]);
    expect(answers).toHaveLength(40);
    expect(answers!.at(-1)!.text).toEqual(['cut off', 'cut off']);
    const different = answers!.filter(
      ({ text: [one, other] }) => one!.split(' ')[0] !== other!.split(' ')[0],
    );
    expect(different.length).toBeGreaterThan(10);
    expect(await page.textContent('#summary')).toBe(`Different: ${different.length} of 40, marked ≠.`);
    expect(await page.locator('tr.differs').count()).toBe(different.length);
    await page.close();
  });

  it('takes a second text', async () => {
    const { page } = await open({ int8: at('NC-web'), fp32: at('NC-fp32') });
    await page.fill('#pair', 'the fish');
    const [[shown]] = (await answersInPage(page, ['moon'])) as [[Shown]];
    const [node] = await answersUnderNode(at('NC-fp32'), ['moon'], 'the fish');
    expect(shown.cells[1]!.label).toBe(node![0]!.label);
    expect(Math.abs(shown.cells[1]!.percent - 100 * node![0]!.probability)).toBeLessThan(0.06);
    await page.close();
  });

  it('fits a phone, in the dark', async () => {
    const options = { viewport: { width: 320, height: 640 }, colorScheme: 'dark' } as const;
    const { page } = await open({ int8: at('POS-web'), fp32: at('POS-fp32') }, { options });
    await answersInPage(page, ['Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen near the star']);
    expect(await page.evaluate('document.scrollingElement.scrollWidth')).toBe(320);
    expect(await page.evaluate('getComputedStyle(document.body).color')).toBe('rgb(255, 255, 255)');
    await page.close();
  });

  describe('says in words', () => {
    it('that one model cannot be loaded, and shows the other', async () => {
      const damaged = copied('NC-web', 'damaged');
      writeFileSync(join(damaged, 'onnx/model_quantized.onnx'), 'damaged');
      const { page } = await open({ int8: damaged, fp32: at('NC-fp32') });
      expect(await error(page)).toMatch(/^int8: onnxruntime cannot load model\.onnx \(.+\)\.$/);
      const [[shown]] = (await answersInPage(page, ['moon'])) as [[Shown]];
      expect(shown.text[0]).toBe('');
      expect(shown.text[1]).toMatch(/^\w+ [\d.]+\s%$/);
      expect(await page.textContent('#summary')).toBe('');
      await page.close();
    });

    it('that files are damaged or gone', async () => {
      const [int8, fp32] = [copied('NC-web', 'no-json'), copied('NC-fp32', 'gone')];
      writeFileSync(join(int8, 'tokenizer.json'), '{');
      const { page } = await open({ int8, fp32 });
      expect(await error(page)).toBe('int8: /int8/tokenizer.json is not JSON.');
      rmSync(fp32, { recursive: true });
      await page.reload();
      await page.waitForSelector('body[data-state=failed]');
      expect(await error(page)).toMatch(/ fp32: \/fp32\/\w+\.json cannot be downloaded \(status 404\)\.$/);
      await page.close();
    });

    it('that a model is too large', async () => {
      const [int8, fp32] = [copied('NC-web', 'small'), copied('NC-fp32', 'large')];
      truncateSync(join(fp32, 'onnx/model.onnx'), 2 ** 33);
      const { page } = await open({ int8, fp32 });
      expect(await error(page)).toBe('fp32: /fp32/model.onnx has over 2 GB, more than a browser takes.');
      await page.close();
      writeFileSync(join(fp32, 'onnx/model.onnx_data'), '');
      await expect(comparisonServer({ int8, fp32 })).rejects.toThrow(
        'are over 2 GB, more than a browser takes',
      );
    });

    it('that the models do not belong together', async () => {
      const { page } = await open({ int8: at('NC-web'), fp32: at('POS-fp32') });
      expect(await error(page)).toMatch(/^The two models have different labels: /);
      await page.close();
    });

    it('that a model has no labels', async () => {
      const other = copied('NC-web', 'questions');
      const config = JSON.parse(readFileSync(join(other, 'config.json'), 'utf8'));
      const architectures = ['BertForQuestionAnswering'];
      writeFileSync(join(other, 'config.json'), JSON.stringify({ ...config, architectures }));
      const { page } = await open({ int8: other, fp32: at('NC-fp32') });
      expect(await error(page)).toBe(
        'int8: this page shows labels of texts and of words, and the model has none.',
      );
      await page.close();
    });

    it.each([
      ['has no WebAssembly', 'delete globalThis.WebAssembly', /^This browser has no WebAssembly/],
      ['has no vectors', 'WebAssembly.validate = () => false', /no vector instructions \(SIMD\)/],
      ['cannot divide texts', 'delete Intl.Segmenter', /cannot divide a text into words/],
    ])('that the browser %s', async (_, before, message) => {
      const { page } = await open({ int8: at('NC-web'), fp32: at('NC-fp32') }, { before });
      expect(await error(page)).toMatch(message);
      expect(await page.isDisabled('#text')).toBe(true);
      await page.close();
    });
  });
});

describe('the command', () => {
  const main = join(import.meta.dirname, 'main.mjs');
  const env = { ...process.env, NODE_OPTIONS: '' };

  it.each([
    ['without folders', [], /^Give two folders of "sdq export"/],
    ['with another option', ['--int4', 'x'], /^Unknown option '--int4'/],
    [
      'with a folder of another kind',
      ['--int8', 'NC-fp32', '--fp32', 'NC-fp32'],
      /^--int8: NC-fp32 has no onnx\/model_quantized.onnx: give a folder that "sdq export" made of a run's student\.\n$/,
    ],
  ])('ends %s', (_, args, message) => {
    const { status, stderr } = spawnSync(process.execPath, [main, ...args], {
      cwd: root,
      encoding: 'utf8',
      env,
    });
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });

  it('serves', async () => {
    const args = [main, '--int8', 'NC-web', '--fp32', 'NC-fp32', '--port', '0'];
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [line] = await once(child.stdout.setEncoding('utf8'), 'data', {
        signal: AbortSignal.timeout(60_000),
      });
      const [url] = /^http:\/\/localhost:\d+\//.exec(line)!;
      const response = await fetch(url);
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(await response.text()).toContain('page.js');
      expect((await fetch(`${url}page.js`)).status).toBe(200);
    } finally {
      child.kill();
    }
  });
});

/** A row of the page's answers. */
interface Shown {
  readonly word: string;
  readonly text: readonly string[];
  readonly cells: readonly { readonly label: string; readonly percent: number }[];
}

async function answered(page: Page): Promise<void> {
  await page.waitForSelector('#table[aria-busy=false]', { timeout: 30_000 });
}

async function answersInPage(page: Page, texts: readonly string[]): Promise<Shown[][]> {
  const all: Shown[][] = [];
  for (const text of texts) {
    await page.fill('#text', text);
    await answered(page);
    const rows = await page.locator('#answers tr').all();
    const shown = rows.map(async (row): Promise<Shown> => {
      const cells = await row.locator('td').allTextContents();
      return {
        word: (await row.locator('th').textContent())!,
        text: cells,
        cells: cells.map((cell) => {
          const [label, percent] = cell.split(' ');
          return { label: label!, percent: Number.parseFloat(percent ?? '') };
        }),
      };
    });
    all.push(await Promise.all(shown));
  }
  return all;
}

/** The label of each text, or of each of its words between spaces, under onnxruntime-node. */
async function answersUnderNode(folder: string, texts: readonly string[], pair?: string) {
  const tokenizer = await loadTokenizer(folder);
  const session = await OnnxSession.open(folder);
  const { labels, kind } = session.head;
  try {
    const all = [];
    for (const text of texts) {
      const words = kind === 'token-classification';
      const encoding = words
        ? tokenizer.encodeWords(text.split(' '), 32)
        : { ...tokenizer.encodeTyped(text, pair, 32), firstPiece: [0] };
      const { data } = await session.logits(packEncodings([encoding]));
      all.push(
        Array.from(encoding.firstPiece, (row) => {
          const exponentials = [...data.subarray(row * labels.length, (row + 1) * labels.length)].map(
            Math.exp,
          );
          const largest = Math.max(...exponentials);
          const sum = exponentials.reduce((a, b) => a + b);
          return { label: labels[exponentials.indexOf(largest)]!, probability: largest / sum };
        }),
      );
    }
    return all;
  } finally {
    await session.close();
  }
}

function copied(name: string, to: string): string {
  cpSync(at(name), at(to), { recursive: true });
  return at(to);
}

/** A copy whose tokenizer has its pieces in another order, so that it answers otherwise. */
function turned(name: string): string {
  const folder = copied(name, `${name}-turned`);
  const file = join(folder, 'tokenizer.json');
  const json = JSON.parse(readFileSync(file, 'utf8'));
  json.model.vocab = [...json.model.vocab.slice(0, 4), ...json.model.vocab.slice(4).reverse()];
  writeFileSync(file, JSON.stringify(json));
  return folder;
}
