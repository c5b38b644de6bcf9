import { definePlugin } from '@sdq/core';
import { firstTokenMse } from './first-token-mse.ts';
import { powerOfTwo } from './power-of-two.ts';

export default definePlugin({
  name: 'example',
  quantizers: [powerOfTwo(8), powerOfTwo(4)],
  losses: { 'first-token-mse': firstTokenMse },
});
