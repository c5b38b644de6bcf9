export { type ConfigFile, pluginsIn, readConfigFile, withFlags } from './config-file.ts';
export {
  bytesFlag,
  layersFlag,
  listFlag,
  numberFlag,
  numbersFlag,
  type Weight,
  weightsFlag,
} from './flags.ts';
export { planFlag } from './plan-flag.ts';
export { splitFlag } from './split-flag.ts';
