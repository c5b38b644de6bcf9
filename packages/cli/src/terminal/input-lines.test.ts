import { expect, it } from 'vitest';
import { inputLines } from './input-lines.ts';

async function read(bytes: Buffer, size: number) {
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const lines = [];
  for await (const line of inputLines(chunks())) lines.push(line);
  return lines;
}

it.each([
  ['nothing', '', []],
  ['a blank line', '\n', ['']],
  ['a last line without its end', 'a\nb', ['a', 'b']],
  ['blank lines', 'a\n\n \r\n\n', ['a', '', ' ', '']],
  ['a lone carriage return', 'a\rb\n\r\n\r', ['a\rb', '', '']],
  ['other ends of lines', 'a\u2028b\u0085c\vd\fe\u2029\n', ['a\u2028b\u0085c\vd\fe\u2029']],
  ['a byte order mark', '\uFEFFa\n\uFEFFb\n', ['a', '\uFEFFb']],
  ['a byte of zero', 'a\0b\n', ['a\0b']],
  ['the replacement character itself', '\uFFFD\n', ['\uFFFD']],
  ['characters of several bytes', 'ß本😀\n😀', ['ß本😀', '😀']],
])('%s, however it is divided', async (_, text, lines) => {
  for (const size of [1, 2, 3, 1000]) {
    const found = await read(Buffer.from(text), size);
    expect(found).toEqual(lines.map((line, i) => ({ text: line, number: i + 1 })));
  }
});

it('bytes that are no UTF-8 make a line as well, and are told', async () => {
  const bytes = Buffer.from([0x61, 0xff, 10, 0xc3, 10, 0x62, 10]);
  expect(await read(bytes, 2)).toEqual([
    { text: 'a\uFFFD', number: 1, problem: expect.stringMatching(/^is not valid UTF-8/) },
    { text: '\uFFFD', number: 2, problem: expect.stringMatching(/^is not valid UTF-8/) },
    { text: 'b', number: 3 },
  ]);
});

it('a line without end is cut, and the next is whole', async () => {
  const long = 2 ** 24 + 5;
  const [first, second] = await read(Buffer.concat([Buffer.alloc(long, 'x'), Buffer.from('\nb')]), 1 << 20);
  expect(first!.text.length).toBe(2 ** 24);
  expect(first!.problem).toMatch(/^is longer than 16777216 bytes/);
  expect(second).toEqual({ text: 'b', number: 2 });
});
