import { packagePages } from './package-pages.ts';

export default { paths: packagePages };
