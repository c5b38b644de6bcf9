import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { sections } from '../../docs/.vitepress/sections.ts';
import { layerTable, picture } from './error-picture.mjs';
import { findPages } from './examples.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pages = findPages(root);

describe('pages', () => {
  it('stand in the sidebar, each in one place', () => {
    const listed = sections.flatMap(({ pages }) => pages.map(([page]) => `docs/${page || 'index'}.md`));
    const site = pages.filter((page) => page.startsWith('docs/') && page !== 'docs/packages.md');
    expect([...listed].sort()).toEqual(site.sort());
  });

  it('link to files that are there', () => {
    const broken = pages.flatMap((page) => {
      const text = readFileSync(join(root, page), 'utf8').replaceAll(/^```.*?^```$/gms, '');
      return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, href]) => href!.replace(/#.*$/, ''))
        .filter((href) => href !== '' && !/^[a-z]+:/.test(href))
        .filter((href) => !existsSync(join(root, dirname(page), href)))
        .map((href) => `${page}: ${href}`);
    });
    expect(broken).toEqual([]);
  });

  it('have numbers flush right on the site, and short code in one piece', () => {
    const page = '| `a b` | kB | s |\n| --- | --- | --- |\n| 1 word | 1,024 | 3 |\n| | none | later |\n';
    // In a process of its own: VitePress has a vite of its own.
    const script = `
      const { createMarkdownRenderer } = await import('vitepress');
      const { createJiti } = await import('jiti');
      const jiti = createJiti(process.cwd() + '/');
      const { siteTables } = await jiti.import('./docs/.vitepress/site-tables.ts');
      const { siteCode } = await jiti.import('./docs/.vitepress/site-code.ts');
      const site = await createMarkdownRenderer('.', { config: (md) => [siteTables, siteCode].forEach((change) => change(md)) });
      console.log(await site.render(process.argv[1]));
      process.exit();`;
    const { stdout: html, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', script, page],
      { cwd: root, encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } },
    );
    expect(html, stderr).toContain('<table');
    expect(
      [...html.matchAll(/<(?:th|td)\b( style="text-align:right")?/g)].map(([, right]) => !!right),
    ).toEqual([0, 1, 0, 0, 1, 0, 0, 1, 0].map(Boolean));
    expect(html).toMatch(/<code[^>]* class="short"/);
  });

  it('draw the error through the layers from the numbers that they hold', () => {
    const table = layerTable(readFileSync(join(root, 'docs/analysis.md'), 'utf8'));
    expect(table.rows).toHaveLength(12);
    expect(readFileSync(join(root, 'docs/error-through-the-layers.svg'), 'utf8')).toBe(picture(table));
  });
});
