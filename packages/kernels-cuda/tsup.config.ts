import { defineConfig } from 'tsup';
import { library } from '../../tooling/ci/tsup.ts';
import { thirdPartyNotices } from '../../tooling/release/third-party-notices.mjs';
import { copyBinding } from './copy-binding.mjs';

export default defineConfig({
  ...(library() as object),
  // tfjs-node-gpu's JavaScript is bundled: depending on it would run its installer, which fetches a TensorFlow of 2022.
  noExternal: [/^@tensorflow\/tfjs-node-gpu/, 'google-protobuf'],
  esbuildPlugins: [
    thirdPartyNotices(copyBinding()),
    {
      name: 'one tfjs-core',
      setup(build) {
        // One of its kernels asks for tfjs-core by name; tfjs holds the one that is in use.
        build.onResolve({ filter: /^@tensorflow\/tfjs-core$/ }, () => ({
          path: '@tensorflow/tfjs',
          external: true,
        }));
      },
    },
  ],
  // What is bundled calls require.
  banner: {
    js: "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);",
  },
});
