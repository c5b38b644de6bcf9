import type { MarkdownRenderer } from 'vitepress';

const SHORT = 24;

/** Marks short code in the text, which does not break at its hyphens and spaces: see style.css. */
export function siteCode(markdown: MarkdownRenderer): void {
  markdown.core.ruler.push('site-code', ({ tokens }) => {
    for (const { children } of tokens)
      for (const token of children ?? [])
        if (token.type === 'code_inline' && token.content.length <= SHORT) token.attrJoin('class', 'short');
  });
}
