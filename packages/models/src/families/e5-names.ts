/** The name of a parameter in the 4-bit file of multilingual-e5-small: `encoder.layer.3.attention.self.query.weight` is `l3.q.w`. */
export function storedE5Name(name: string): string {
  const kind = name.endsWith('.bias') ? 'b' : 'w';
  const site = name.slice(0, name.lastIndexOf('.'));
  const table = tableNames.get(site);
  if (table !== undefined) return table;
  if (site === 'embeddings.LayerNorm') return `emb.ln.${kind}`;
  const [, layer, part] = /^encoder\.layer\.(\d+)\.(.+)$/.exec(site) ?? [];
  return `l${layer}.${partNames.get(part ?? '')}.${kind}`;
}

const tableNames: ReadonlyMap<string, string> = new Map([
  ['embeddings.word_embeddings', 'emb.word'],
  ['embeddings.position_embeddings', 'emb.pos'],
  ['embeddings.token_type_embeddings', 'emb.type'],
]);

const partNames: ReadonlyMap<string, string> = new Map([
  ['attention.self.query', 'q'],
  ['attention.self.key', 'k'],
  ['attention.self.value', 'v'],
  ['attention.output.dense', 'ao'],
  ['attention.output.LayerNorm', 'aln'],
  ['intermediate.dense', 'fi'],
  ['output.dense', 'fo'],
  ['output.LayerNorm', 'oln'],
]);
