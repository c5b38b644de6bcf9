import type { MarkdownRenderer } from 'vitepress';

/** Makes links out of `docs/`, which are good on GitHub, lead to the pages that the site has of them, or to nothing. */
export function siteLinks(markdown: MarkdownRenderer): void {
  markdown.core.ruler.push('site-links', ({ tokens }) => {
    for (const { children } of tokens) {
      let dropped = '';
      for (const token of children ?? []) {
        if (token.type === 'link_open') {
          const href = siteLink(token.attrGet('href')!);
          token.attrSet('href', href);
          dropped = href.startsWith('../') ? href : '';
          // A file of the repository that is no page: its name stays.
          if (dropped)
            Object.assign(token, { type: 'html_inline', content: `<span title="${href.slice(3)}">` });
        } else if (token.type === 'link_close' && dropped) {
          Object.assign(token, { type: 'html_inline', content: '</span>' });
          dropped = '';
        }
      }
    }
  });
}

/** A link of a page of `docs/` or of a package's README as the site has it. */
function siteLink(href: string): string {
  return href
    .replace(/^(?:\.\.\/)+packages\/([\w-]+)(?:\/README\.md|\/)?(?=$|#)/, '/packages/$1')
    .replace(/^\.\.\/\.\.\/docs\//, '/')
    .replace(/^\.\.\/(?!examples|packages|tooling)([\w-]+)(?:\/README\.md|\/)?(?=$|#)/, '/packages/$1');
}
