import { describe, expect, it } from 'vitest';
import { program } from '../program.ts';
import { completionsFor } from './completion.ts';

const names = (line: string) => {
  const found = completionsFor(program(), line.split(' '));
  return found === 'files' ? found : found.map(({ name }) => name);
};

describe('completion offers', () => {
  it('the commands, with what they do, and not what is hidden', () => {
    expect(names('')).toEqual(expect.arrayContaining(['run', 'evaluate', 'completion', 'doctor', 'help']));
    expect(names('')).not.toContain('completion-server');
    const found = completionsFor(program(), ['']) as { name: string; description?: string }[];
    expect(found.find(({ name }) => name === 'doctor')!.description).toMatch(/what this machine has/);
  });

  it('the commands below a command', () => {
    expect(names('gpu ')).toEqual(expect.arrayContaining(['setup', 'remove']));
    expect(names('data ch')).toContain('check');
  });

  it('the options of a command', () => {
    expect(names('compare runs/a --')).toEqual(['--json', '--help']);
    expect(names('run --task POS -')).toContain('--quantized-epochs');
  });

  it('the values of an option where they are known', () => {
    expect(names('evaluate m --task ')).toEqual(expect.arrayContaining(['XNLI', 'MLQA']));
    expect(names('export m --format ')).toEqual(['onnx', 'safetensors']);
    expect(names('bench --backend s')).toContain('sdq-cpu');
    expect(names('completion ')).toEqual(['bash', 'zsh', 'fish']);
  });

  it('files elsewhere', () => {
    expect(names('evaluate ')).toBe('files');
    expect(names('run --out ')).toBe('files');
    expect(names('compare runs/a --json ')).toBe('files');
  });
});
