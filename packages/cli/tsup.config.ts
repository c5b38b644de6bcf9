import { library } from '../../tooling/ci/tsup.ts';

export default library({ entry: ['src/main.ts'], dts: false });
