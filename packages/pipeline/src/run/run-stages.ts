import { meanScore, versionLabel } from '@sdq/core/results';
import type { RunContext, RunStage } from '../stages/index.ts';
import { begin, checkFinished, isAsked } from './check-finished.ts';

/**
 * Runs the stages that are asked for and not finished, each behind those that it needs; one that was interrupted goes on.
 * What is finished is skipped, unless what it was computed from has changed.
 *
 * @throws SdqError as the stages; Error where stages need one another, or one that is not there
 */
export async function runStages(stages: readonly RunStage[], context: RunContext): Promise<void> {
  const done = new Set<string>();
  while (done.size < stages.length) {
    const ready = stages.filter(({ name, needs }) => !done.has(name) && needs.every((one) => done.has(one)));
    if (ready.length === 0) throw new Error('No stage has all that it needs.');
    await checkFinished(ready, context);
    for (const stage of ready) {
      if (isAsked(context.config, stage.name) && !context.folder.finished(stage.name)) {
        await runStage(stage, context);
      }
      done.add(stage.name);
    }
  }
}

async function runStage(stage: RunStage, context: RunContext): Promise<void> {
  const { folder, reporter, config } = context;
  await begin(stage, context);
  const { scores, ...more } = await stage.run(context);
  const peakMemoryBytes = process.resourceUsage().maxRSS * 1024;
  const { seconds } = await folder.finish(stage.name, { scores, peakMemoryBytes, ...more });
  for (const [version, byLanguage] of Object.entries(scores)) {
    const average = (100 * meanScore(byLanguage)).toFixed(2);
    reporter.message(`${versionLabel(version, config)}: ${average} on average, in ${seconds.toFixed(0)} s.`);
  }
}
