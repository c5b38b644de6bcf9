import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath } from '../../tooling/ci/chromium.ts';
import { buildPage } from './build.mjs';
import { pageServer } from './serve.mjs';

if (!chromiumPath) describe('the browser page', () => it.skip('needs chromium', () => {}));

describe.runIf(chromiumPath)('the browser page', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sdq-page-'));
  const server = pageServer(folder);
  let accuracy: number;
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];

  beforeAll(async () => {
    accuracy = await buildPage(folder);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    browser = await chromium.launch({
      executablePath: chromiumPath!,
      args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
    });
    page = await browser.newPage();
    page.on('pageerror', ({ message }) => problems.push(message));
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/?quick`);
  });

  afterAll(async () => {
    await browser?.close();
    server.close();
    rmSync(folder, { recursive: true });
  });

  it('scores the model on WebGPU as it scored on the CPU', async () => {
    await page.waitForSelector('body[data-state]', { timeout: 120_000 });
    expect(await page.textContent('#error')).toBe('');
    expect(await page.textContent('#adapter')).toContain('swiftshader');
    const score = await page.textContent('#score');
    const [, own] = /^([\d.]+) % of 208 sentences right here/.exec(score!)!;
    // A value between two steps may round the other way: at most one sentence differs.
    expect(Math.abs(Number(own) / 100 - accuracy)).toBeLessThan(1.5 / 208);
  });

  it('tells the language of what is typed', async () => {
    await page.fill('#text', 'Сегодня утром дети пошли в новую школу');
    await page.waitForFunction(() => document.querySelector('#language')!.textContent !== '');
    expect(await page.textContent('#language')).toBe('Russian');
  });

  it('trains another, rounds it and distils it', async () => {
    await page.click('#train');
    const ended = () => ['#trained', '#error'].some((id) => document.querySelector(id)!.textContent !== '');
    await page.waitForFunction(ended, null, { timeout: 120_000 });
    expect(await page.textContent('#error')).toBe('');
    expect(await page.textContent('#trained')).toMatch(
      /^[\d.]+ % in float32, [\d.]+ % rounded to 8 bits, [\d.]+ % distilled$/,
    );
    expect(await page.textContent('#progress')).toMatch(/towards float32: step 1, loss -?\d+\.\d{4}$/);
    expect(problems).toEqual([]);
  });
});
