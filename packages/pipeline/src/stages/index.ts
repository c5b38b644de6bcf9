export { fineTuning } from './fine-tuning.ts';
export { PostTrainer } from './post-trainer.ts';
export { planBesideProducts, trainProducts } from './product-training.ts';
export { quantizedTraining } from './quantized-training.ts';
export { type ModelStep, type StageTraining, trainModel } from './train-model.ts';
