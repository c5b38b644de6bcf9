import { analyzeCommand } from './analyze-command.ts';
import { benchCommand } from './bench-command.ts';
import { compareCommand } from './compare-command.ts';
import { completionCommand } from './completion-command.ts';
import { completionServerCommand } from './completion-server-command.ts';
import { dataCommand } from './data-command.ts';
import { distillCommand } from './distill-command.ts';
import { doctorCommand } from './doctor-command.ts';
import { evaluateCommand } from './evaluate-command.ts';
import { exportCommand } from './export-command.ts';
import { gpuCommand } from './gpu-command.ts';
import { planCommand } from './plan-command.ts';
import { predictCommand } from './predict-command.ts';
import { quickstartCommand } from './quickstart-command.ts';
import { runCommand } from './run-command.ts';
import { scoreCommand } from './score-command.ts';
import { sweepCommand } from './sweep-command.ts';
import { trimCommand } from './trim-command.ts';
import { verifyCommand } from './verify-command.ts';
import { webgpuProbeCommand } from './webgpu-probe-command.ts';
import { workerCommand } from './worker-command.ts';

/** What adds each command to the program, in the order of the help text. */
export const COMMANDS = [
  quickstartCommand,
  runCommand,
  distillCommand,
  evaluateCommand,
  predictCommand,
  exportCommand,
  sweepCommand,
  workerCommand,
  compareCommand,
  trimCommand,
  verifyCommand,
  scoreCommand,
  dataCommand,
  planCommand,
  benchCommand,
  analyzeCommand,
  gpuCommand,
  doctorCommand,
  completionCommand,
  completionServerCommand,
  webgpuProbeCommand,
];
