export { attentionOutputKl, attentionOutputMse } from './attention-output.ts';
export { logitKl } from './logit-kl.ts';
