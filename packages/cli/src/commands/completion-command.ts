import { Argument, type Command } from 'commander';
import { SHELLS } from '../terminal/index.ts';

/** Adds `sdq completion`. */
export function completionCommand(sdq: Command): void {
  sdq
    .command('completion')
    .description('print a script that makes a shell complete commands, options and their values')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText(
      'after',
      '\nExamples, each for the shell that it names:\n  sdq completion bash >> ~/.bashrc\n  sdq completion zsh >> ~/.zshrc\n  sdq completion fish > ~/.config/fish/completions/sdq.fish',
    )
    .action(async (shell) => (await import('./completion-action.ts')).completionAction(shell));
}
