import { appendFileSync, mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Reporter, RunEvent } from '@sdq/core';
import protobuf from 'protobufjs';

// What TensorBoard reads of event.proto and summary.proto of TensorFlow; no library on npm writes them without a build of
// TensorFlow itself.
const Event = protobuf.Root.fromJSON({
  nested: {
    Event: {
      fields: {
        wallTime: { type: 'double', id: 1 },
        step: { type: 'int64', id: 2 },
        fileVersion: { type: 'string', id: 3 },
        summary: { type: 'Summary', id: 5 },
        sessionLog: { type: 'SessionLog', id: 7 },
      },
    },
    Summary: { fields: { value: { rule: 'repeated', type: 'Value', id: 1 } } },
    Value: { fields: { tag: { type: 'string', id: 1 }, simpleValue: { type: 'float', id: 2 } } },
    SessionLog: { fields: { status: { type: 'int32', id: 1 } } },
  },
}).lookupType('Event');

/** Of SessionLog: what was logged at this step and after it before does not count any more. */
const START = 1;

/** Of a step, what is no figure of the training. */
const NOT_SHOWN = new Set(['event', 'stage', 'step']);

/**
 * A reporter that also writes the figures of training and the scores as event files of TensorBoard, a folder a stage.
 *
 * Format: tensorflow/core/util/event.proto and the framing of tensorflow/core/lib/io/record_writer.h.
 *
 * @param folder - what `tensorboard --logdir` gets
 */
export function tensorBoardReporter(inner: Reporter, folder: string): Reporter {
  const files = new Map<string, string>();
  const write = (stage: string, event: object) => {
    const seconds = Date.now() / 1000;
    let file = files.get(stage);
    if (file === undefined) {
      const stageFolder = join(folder, stage.replaceAll(/[^\w.-]+/g, '-'));
      mkdirSync(stageFolder, { recursive: true });
      file = join(stageFolder, `events.out.tfevents.${seconds.toFixed(3)}.${hostname()}.${process.pid}`);
      files.set(stage, file);
      appendFileSync(file, record({ wallTime: seconds, fileVersion: 'brain.Event:2' }));
    }
    appendFileSync(file, record({ wallTime: seconds, ...event }));
  };
  return {
    start: (stage, total, unit) => inner.start(stage, total, unit),
    progress: (done, figures) => inner.progress(done, figures),
    stop: () => inner.stop(),
    message: (text) => inner.message(text),
    event: (event) => {
      inner.event(event);
      const { stage, step = 0 } = event as { stage?: string; step?: number };
      if (stage === undefined) return;
      if (event.event === 'resumed') write(stage, { step: step + 1, sessionLog: { status: START } });
      const value = scalarsOf(event);
      if (value.length > 0) write(stage, { step, summary: { value } });
    },
  };
}

function scalarsOf(event: RunEvent): { tag: string; simpleValue: number }[] {
  const scalars = (values: object, prefix: string) =>
    Object.entries(values).flatMap(([name, simpleValue]) =>
      typeof simpleValue === 'number' && !NOT_SHOWN.has(name) ? [{ tag: prefix + name, simpleValue }] : [],
    );
  if (event.event === 'step') return scalars(event, 'train/');
  if (event.event === 'evaluation') return scalars({ [event.language as string]: event.score }, 'dev/');
  if (event.event === 'scores') return scalars(event.scores as object, 'score/');
  return [];
}

/** A record: its length, its content, and a checksum of each. */
function record(event: object): Buffer {
  const data = Event.encode(event).finish();
  const bytes = Buffer.alloc(16 + data.length);
  bytes.writeBigUInt64LE(BigInt(data.length), 0);
  bytes.writeUInt32LE(maskedCrc(bytes.subarray(0, 8)), 8);
  bytes.set(data, 12);
  bytes.writeUInt32LE(maskedCrc(data), 12 + data.length);
  return bytes;
}

/** The CRC-32C of bytes, rotated and shifted so that it may stand beside what it is of. */
function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282_ead8) >>> 0;
}

/** Of the Castagnoli polynomial: zlib's crc32 has another. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
  return crc;
});
