// Which file may import which: `npm run lint` and `npm test` check it, docs/architecture.md draws it.

/** By package: those that its sources may import. A package that is not here has no place in the architecture yet. */
const BELOW = {
  core: [],
  kernels: ['core'],
  'kernels-cpu': ['core', 'kernels'],
  'kernels-cuda': ['core', 'kernels'],
  'kernels-webgpu': ['core', 'kernels'],
  quantizers: ['core', 'kernels'],
  models: ['core', 'kernels'],
  distillation: ['core', 'kernels', 'models'],
  trainer: ['core', 'kernels', 'models'],
  xglue: ['core'],
  datasets: ['core'],
  // It reads results.json, and knows none of the packages that compute it.
  report: ['core'],
  serve: ['core', 'kernels', 'models', 'quantizers'],
  onnx: ['core', 'models'],
  pipeline: [
    ...['core', 'kernels', 'quantizers', 'distillation', 'models', 'trainer', 'xglue', 'datasets'],
    ...['report', 'serve'],
  ],
  queue: ['core', 'pipeline'],
  cli: ['(?!testing/)[^/]+'],
  // Fixtures of tests, which compose whatever they need.
  testing: ['[^/]+'],
};

// Tests may import what they need: the fast backend, the fixtures of another package, a file inside a folder.
const TESTS = ['\\.test\\.ts$', '^packages/[^/]+/(test|bench)/'];

const directions = Object.entries(BELOW).map(([name, below]) => ({
  name: `imports-of-${name}`,
  comment: `@sdq/${name} may import ${below.length === 0 ? 'no other package' : below.join(', ')} alone.`,
  severity: 'error',
  from: { path: `^packages/${name}/`, pathNot: TESTS },
  to: { path: '^packages/', pathNot: `^packages/(${[name, ...below].join('|')})/` },
}));

export default {
  forbidden: [
    ...directions,
    {
      name: 'a-place-for-each-package',
      comment: 'A package must be in the table of .dependency-cruiser.mjs, with those below it.',
      severity: 'error',
      from: { path: '^packages/', pathNot: `^packages/(${Object.keys(BELOW).join('|')})/` },
      to: {},
    },
    {
      name: 'no-cycles',
      comment: 'Files that import one another in a circle cannot be read, tested or loaded one by one.',
      severity: 'error',
      from: { path: '^(packages|tooling|examples|experiments)/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'packages-by-their-index',
      comment: 'Another package is imported by its name, which leads to an index.ts.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/', pathNot: TESTS },
      to: { path: '^packages/', pathNot: ['^packages/$1/', '/index\\.ts$'] },
    },
    {
      name: 'folders-by-their-index',
      comment: 'Of a folder in src/, files outside it import index.ts alone.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/src/([^/]+)/', pathNot: TESTS },
      to: {
        path: '^packages/$1/src/[^/]+/',
        pathNot: ['^packages/$1/src/$2/', '^packages/$1/src/[^/]+/index\\.ts$'],
      },
    },
    {
      name: 'folders-by-their-index-from-src',
      comment: 'Of a folder in src/, files outside it import index.ts alone.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/src/[^/]+\\.ts$', pathNot: TESTS },
      to: { path: '^packages/$1/src/[^/]+/', pathNot: '^packages/$1/src/[^/]+/index\\.ts$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['(^|/)dist/', '/node_modules/', '(^|/)\\.examples-'] },
    // What TypeScript drops counts too: types go one way as values do.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['sdq-source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js'],
    },
  },
};
