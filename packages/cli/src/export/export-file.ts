/** What an export was, in its folder: shows which folders an export may replace. */
export const EXPORT_FILE = 'export.json';
