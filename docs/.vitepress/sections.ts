/** The pages of `docs/`, in the order of the sidebar; `tooling/docs.test.ts` finds one that is left out. */
export const sections: readonly {
  readonly title: string;
  /** The page's file without `.md`, and what the sidebar calls it. */
  readonly pages: readonly (readonly [page: string, text: string])[];
}[] = [
  {
    title: 'Start',
    pages: [
      ['', 'What it is'],
      ['quickstart', 'Quickstart'],
    ],
  },
  {
    title: 'Guides',
    pages: [
      ['guide', 'Shrink a model'],
      ['your-own-data', 'Your own data'],
      ['training', 'Train'],
      ['post-training', 'Quantize without training'],
      ['low-bits', 'Fewer than 8 bits'],
      ['evaluate', 'Evaluate'],
      ['analysis', 'Where the error is'],
      ['experiments', 'Run a grid of experiments'],
      ['trim', 'Fewer languages'],
      ['small-models', 'A small model'],
      ['export', 'Export'],
      ['browser', 'Run in the browser'],
      ['serving', 'Serve'],
      ['gpu', 'Run on an NVIDIA card'],
      ['webgpu', 'Run on WebGPU'],
      ['plugins', 'Write a plug-in'],
    ],
  },
  {
    title: 'Method',
    pages: [
      ['method', 'Self-Distilled Quantization'],
      ['distillation', 'Distillation losses'],
      ['quantizers', 'Quantizers'],
      ['integer-models', 'Models in integers'],
      ['data', 'Data folders'],
      ['xglue-scorer', 'The XGLUE scorer'],
    ],
  },
  {
    title: 'Results',
    pages: [
      ['results', 'Results'],
      ['results/pos', 'POS, three seeds'],
      ['results/xnli', 'XNLI, three seeds'],
      ['results/nc', 'NC, three seeds'],
      ['results/ner', 'NER, three seeds'],
      ['results/pawsx', 'PAWSX, three seeds'],
      ['results/pos-mbert', 'POS, hidden size 768'],
      ['results/xnli-mbert', 'XNLI, hidden size 768'],
      ['results/pos-8-bits', 'POS, the default rate'],
      ['results/nc-8-bits', 'NC, the default rate'],
      ['results/ner-8-bits', 'NER, the default rate'],
      ['results/pos-quant-noise', 'POS, quantization noise'],
      ['results/xnli-quant-noise', 'XNLI, quantization noise'],
      ['results/nc-quant-noise', 'NC, quantization noise'],
      ['results/ner-quant-noise', 'NER, quantization noise'],
      ['results/xnli-8-bits', 'XNLI, the default rate'],
      ['results/pos-4-bits', 'POS, the default rate, 4 bits'],
      ['results/xnli-4-bits', 'XNLI, the default rate, 4 bits'],
      ['results/nc-4-bits', 'NC, the default rate, 4 bits'],
      ['results/ner-4-bits', 'NER, the default rate, 4 bits'],
      ['results/xnli-2-bits', 'XNLI, other rates, 2 bits'],
      ['results/xnli-hidden-states', 'XNLI, hidden states, 2 bits'],
      ['results/pos-products', 'POS, product quantization'],
      ['results/languages', 'Language by language'],
      ['results/ptq-pos', 'PTQ on POS'],
      ['results/ptq-xnli', 'PTQ on XNLI'],
      ['results/gptq-4-bit', 'GPTQ at 4 bits'],
      ['what-did-not-work', 'What did not work'],
      ['performance', 'Performance'],
    ],
  },
  {
    title: 'Inside',
    pages: [
      ['architecture', 'Architecture'],
      ['releases', 'Releases'],
    ],
  },
];
