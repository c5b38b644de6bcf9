export { type ConfigFile, pluginsIn, readConfigFile, withFlags } from './config-file.ts';
export {
  bytesFlag,
  collectFlag,
  listFlag,
  numberFlag,
  numbersFlag,
  type Weight,
} from './flags.ts';
export { planFlag } from './plan-flag.ts';
export { runFlags } from './run-flags.ts';
export { backendFlag, type CommonFlags, modelFlags, PLAN_HELP, PLUGIN_FLAG } from './shared-flags.ts';
export { splitFlag } from './split-flag.ts';
