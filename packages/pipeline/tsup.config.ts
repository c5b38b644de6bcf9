import { library } from '../../tooling/ci/tsup.ts';

export default library({ entry: ['src/index.ts', 'src/serving-worker.ts'] });
