import { familyOf } from '@sdq/models';
import { planBesideProducts, trainProducts } from './product-training.ts';
import type { StudentTraining } from './trained-stage.ts';

/** Group by group, weights become codebooks that are trained (iterative product quantization). */
export const byProducts: StudentTraining = {
  rules: (plan, { config }) => planBesideProducts(plan, familyOf(config.family).roleOf),
  train: (teacher, training, { products }) => trainProducts(teacher, products, training),
};
