import { useSdqCpu } from '@sdq/kernels-cpu';
import { describeOps } from '../../kernels/test/suite.ts';

describeOps('sdq-cpu', useSdqCpu);
