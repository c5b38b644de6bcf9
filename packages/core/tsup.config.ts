import { library } from '../../tooling/ci/tsup.ts';

export default library({ entry: { index: 'src/index.ts', results: 'src/results/index.ts' } });
