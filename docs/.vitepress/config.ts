import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';
import { packageNames } from '../packages/package-pages.ts';
import { sections } from './sections.ts';
import { siteCode } from './site-code.ts';
import { siteLinks } from './site-links.ts';
import { siteTables } from './site-tables.ts';

const reference = fileURLToPath(new URL('../reference/typedoc-sidebar.json', import.meta.url));

// Steps, as of the grids that values are put on.
const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M1 14h3v-4h3V7h3V4h3V1" fill="none" stroke="#D55E00" stroke-width="2"/></svg>',
)}`;

export default defineConfig({
  title: 'sdq',
  description: 'Shrinks multilingual language models without losing their languages',
  cleanUrls: true,
  lastUpdated: false,
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: ICON }]],
  markdown: {
    math: true,
    config(markdown) {
      for (const change of [siteLinks, siteTables, siteCode]) change(markdown);
    },
  },
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
