import { join } from 'node:path';
import type { MethodKey } from '@sdq/core/results';
import { CachedTeacher, teacherSignal } from '@sdq/distillation';
import type { Batch, EncoderModel } from '@sdq/models';
import { distillationOf } from '../config/index.ts';
import type { TeacherLoss } from './quantized-training.ts';
import { type RunSettings, teacherSharedFolder } from './run-context.ts';
import { TEACHER } from './teacher-stage.ts';

/** What a method learns from the teacher, live or from the cache that all methods of the run share; undefined for nothing. */
export async function distilledTeacher(
  settings: RunSettings,
  method: MethodKey,
  teacher: EncoderModel,
): Promise<(TeacherLoss & { readonly close: () => void }) | undefined> {
  const { config, plugins, dataset, folder, reporter, environment } = settings;
  const { distillation, teacherCache } = config;
  const loss = distillationOf(method, distillation, plugins.losses);
  if (!loss) return undefined;
  if (!teacherCache) {
    const signal = (batch: Batch) => teacherSignal(teacher, loss, batch);
    return { teacher, loss, signal, close: () => {} };
  }
  const cached = await CachedTeacher.open({
    teacher,
    folder: folder.file(TEACHER),
    reader: loss,
    examples: dataset.train,
    path: join(teacherSharedFolder(settings) ?? folder.path, 'teacher-cache', 'signal.cache'),
    maxBytes: teacherCache.bytes,
    type: teacherCache.type,
    backend: environment.backend,
  });
  const { capacity, replaced } = cached.cache;
  if (replaced) {
    reporter.message(
      'The teacher cache was of another teacher, other data, other taps or another backend: it is filled anew.',
    );
  }
  if (capacity < 1) {
    reporter.message(
      `The teacher cache has room for ${(100 * capacity).toFixed(1)} % of the examples; the teacher runs for the others.`,
    );
  }
  return { teacher, loss, signal: (batch: Batch) => cached.signal(batch), close: () => cached.close() };
}
