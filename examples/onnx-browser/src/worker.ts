import { ExportedModel } from './exported-model.ts';
import { type Answer, type Message, MODELS, type ModelName, type Question } from './messages.ts';

// Beside the page, so that it takes what is typed while a model runs.

const models = new Map<ModelName, ExportedModel>();
const tell = (message: Message) => self.postMessage(message);

function fail(model: ModelName, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  // What V8, other engines and onnxruntime's C++ say.
  const full = /alloc|out of memory|memory access/i.test(message);
  tell({
    kind: 'failed',
    model,
    message: full ? 'the model takes more memory than this browser gives.' : message,
  });
}

async function load(): Promise<void> {
  for (const model of MODELS) {
    try {
      const found = await ExportedModel.load(`/${model}`, (bytes, of) =>
        tell({ kind: 'progress', model, bytes, of }),
      );
      models.set(model, found);
      tell({ kind: 'loaded', model, ...found.loaded });
    } catch (error) {
      fail(model, error);
    }
  }
}

self.addEventListener('message', async ({ data }: MessageEvent<Question>) => {
  const answers: Partial<Record<ModelName, Answer>> = {};
  // One after the other: each is timed with the machine to itself.
  for (const [model, found] of models) {
    try {
      answers[model] = await found.answer(data);
    } catch (error) {
      fail(model, error);
    }
  }
  tell({ kind: 'answered', answers });
});

void load();
