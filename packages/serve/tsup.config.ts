import { library } from '../../tooling/ci/tsup.ts';

export default library({
  entry: { index: 'src/index.ts', 'serving-worker': 'src/serving-worker.ts' },
});
