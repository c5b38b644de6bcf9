/** Stands for the registry's checkpoint while the options are checked, before it is fetched. No folder has this name. */
export const NO_MODEL_YET = 'the registry checkpoint\0';
