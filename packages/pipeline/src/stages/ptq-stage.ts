import { ptqRecipe, versionLabel } from '@sdq/core/results';
import type { RunContext, RunStage } from './run-context.ts';
import { studentStage } from './run-results.ts';
import { STUDENT, savedStudent, saveStudent } from './saved-student.ts';
import { scoreVersion } from './scoring.ts';
import { TEACHER } from './teacher-stage.ts';

/** Quantizes the teacher after training by one recipe, and scores that. */
export function ptqStage(version: string): RunStage {
  return {
    name: version,
    needs: [TEACHER],
    inputs: async ({ inputs, teacherHash }) => inputs.quantized(version, await teacherHash.get()),
    saves: ({ config, folder }) => (studentStage(config, folder.stages) === version ? STUDENT : undefined),
    run: (context) => quantizeAndScore(version, context),
  };
}

async function quantizeAndScore(version: string, context: RunContext) {
  const { config, folder, reporter } = context;
  const trainer = await context.postTrainer.get();
  reporter.message(`Quantizing after training: ${versionLabel(version, config)} ...`);
  const { model, classify, dispose } = await trainer.make(ptqRecipe(version)!);
  try {
    const distance = await trainer.distance(classify);
    reporter.event({ event: 'distance', stage: version, distance });
    const scores = { [version]: await scoreVersion(context, version, version, classify) };
    // Saved before it is noted: an interruption in between makes this version once more.
    const stages = { ...folder.stages, [version]: { scores, distance, seconds: 0, peakMemoryBytes: 0 } };
    const saves = studentStage(config, stages) === version;
    if (model && saves) await saveStudent(context, model);
    return { scores, distance, ...(saves && (await savedStudent(context))) };
  } finally {
    dispose();
  }
}
