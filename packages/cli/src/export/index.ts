export { type Agreement, AgreementCounter, compareOn } from './agreement.ts';
export { EXPORT_FILE } from './export-file.ts';
export { baseName, type CardFacts, modelCard } from './model-card.ts';
export { writeStagedFolder } from './staged-folder.ts';
export { tokenizerConfig } from './tokenizer-config.ts';
