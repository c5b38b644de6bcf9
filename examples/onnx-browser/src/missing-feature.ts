/** A module whose one function gives a vector of 128 bits. */
const VECTORS = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0],
  ...[10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
);

/** What this browser lacks to run the models, in a sentence, if it lacks something. */
export function missingFeature(): string | undefined {
  if (typeof WebAssembly === 'undefined')
    return 'This browser has no WebAssembly, or it is switched off, as in a locked-down mode: the models cannot run.';
  if (!WebAssembly.validate(VECTORS))
    return "This browser's WebAssembly has no vector instructions (SIMD), which onnxruntime needs: update the browser.";
  if (!('Segmenter' in Intl))
    return 'This browser cannot divide a text into words (Intl.Segmenter): update the browser.';
  return undefined;
}
