import { library } from '../../tooling/tsup.ts';

export default library({ entry: ['src/main.ts'], dts: false });
