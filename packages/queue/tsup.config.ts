import { library } from '../../tooling/ci/tsup.ts';

export default library();
