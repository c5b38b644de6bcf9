import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';
import { packageNames } from '../packages/package-pages.ts';
import { sections } from './sections.ts';
import { siteLinks } from './site-links.ts';

const reference = fileURLToPath(new URL('../reference/typedoc-sidebar.json', import.meta.url));

export default defineConfig({
  title: 'sdq',
  description: 'Shrinks multilingual language models without losing their languages',
  cleanUrls: true,
  lastUpdated: false,
  markdown: { math: true, config: siteLinks },
  themeConfig: {
    nav: [
      { text: 'Quickstart', link: '/quickstart' },
      { text: 'Guides', link: '/guide' },
      { text: 'Results', link: '/results' },
      ...(existsSync(reference) ? [{ text: 'Reference', link: '/reference/' }] : []),
    ],
    sidebar: [
      ...sections.map(({ title, pages }) => ({
        text: title,
        items: pages.map(([page, text]) => ({ text, link: `/${page}` })),
      })),
      {
        text: 'Packages',
        collapsed: true,
        items: [
          { text: 'Which package do I need', link: '/packages' },
          ...packageNames().map((name) => ({ text: `@sdq/${name}`, link: `/packages/${name}` })),
        ],
      },
      ...(existsSync(reference)
        ? [{ text: 'Reference', collapsed: true, items: JSON.parse(readFileSync(reference, 'utf8')) }]
        : []),
    ],
    outline: [2, 3],
    search: { provider: 'local' },
  },
});
