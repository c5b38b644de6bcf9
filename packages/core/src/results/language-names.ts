const names = new Intl.DisplayNames(['en'], { type: 'language' });

/** The English names of languages, as "English and German"; an unknown code stays as it is. */
export function languageNames(codes: readonly string[]): string {
  return new Intl.ListFormat('en', { type: 'conjunction' }).format(codes.map(nameOf));
}

function nameOf(code: string): string {
  try {
    return names.of(code) ?? code;
  } catch {
    return code;
  }
}
