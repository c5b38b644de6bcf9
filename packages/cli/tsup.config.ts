import { library } from '../../tooling/tsup.ts';

export default library(['src/main.ts', 'src/index.ts']);
