// What each worker imports first: the CPU kernels, or what the machine has without them.
import { useSdqCpu } from '@sdq/kernels-cpu';
import * as tf from '@tensorflow/tfjs';

try {
  await useSdqCpu();
} catch (error) {
  console.error(`${error.message} Until then a slower backend answers.`);
  await tf.setBackend('cpu');
}
