import type { GenerationExample } from './examples.ts';
import { badLine, readLines } from './lines.ts';
import type { ReadRequest } from './read-request.ts';

/** QG and NTG: a file of sources and a file of targets, one text a line. */
export function* readGeneration(request: ReadRequest): Generator<GenerationExample> {
  const { source, events } = request;
  const targetFile = source.file.replace(/\.src\.(\w+)$/, '.tgt.$1');
  if (request.unlabelled) {
    for (const line of readLines(source.file, events)) {
      const example = { kind: 'generation', source: line.text.trim(), target: '' } as const;
      if (example.source === '') events.note({ kind: 'empty-field', file: source.file, line: line.number });
      yield example;
    }
    return;
  }
  const targets = readLines(targetFile, events);
  let last = 0;
  for (const line of readLines(source.file, events)) {
    const target = targets.next();
    last = line.number;
    if (target.done === true) {
      events.fail(badLine(targetFile, line.number, `is missing: ${source.file} has more lines`));
      return;
    }
    // The official scorer takes what follows the last tab.
    const text = target.value.text.slice(target.value.text.lastIndexOf('\t') + 1).trim();
    const example = { kind: 'generation', source: line.text.trim(), target: text } as const;
    if (example.source === '') events.note({ kind: 'empty-field', file: source.file, line: line.number });
    if (text === '') events.note({ kind: 'empty-field', file: targetFile, line: line.number });
    yield example;
  }
  if (targets.next().done !== true) {
    events.fail(badLine(targetFile, last + 1, `is one too many: ${source.file} has ${last} lines`));
  }
}
