// A model as an HTTP service: POST /predict with { "texts": [...] } gives { "results": [...] }, each with an answer or an
// error of its own; GET /stats.
import { loadEncoder } from '@sdq/serve';
import fastify from 'fastify';

const TEXT = {
  oneOf: [
    { type: 'string' },
    {
      type: 'object',
      required: ['text', 'pair'],
      properties: { text: { type: 'string' }, pair: { type: 'string' } },
    },
    {
      type: 'object',
      required: ['question', 'context'],
      properties: { question: { type: 'string' }, context: { type: 'string' } },
    },
  ],
};

const BODY = {
  type: 'object',
  required: ['texts'],
  properties: { texts: { type: 'array', minItems: 1, maxItems: 256, items: TEXT } },
};

/** @param folder - a run's teacher or student */
export async function service(folder, { logger = false, ...options } = {}) {
  const encoder = await loadEncoder(folder, { setup: import.meta.resolve('./setup.mjs'), ...options });
  const app = fastify({ logger, bodyLimit: 2 ** 20, ajv: { customOptions: { coerceTypes: false } } });

  app.post('/predict', { schema: { body: BODY } }, async (request, reply) => {
    // A client that hung up waits for nothing: its texts leave the queue.
    const gone = new AbortController();
    reply.raw.on('close', () => {
      if (!reply.raw.writableEnded) gone.abort(new Error('the client hung up'));
    });
    try {
      return { results: await encoder.predict(request.body.texts, { signal: gone.signal }) };
    } catch (error) {
      if (error.code !== 'unavailable') throw error;
      return reply.code(503).header('retry-after', '1').send({ error: error.message });
    }
  });
  app.get('/stats', () => ({ head: encoder.head, quantized: encoder.quantized, ...encoder.stats() }));
  app.addHook('onClose', () => encoder.close());
  return app;
}
