import { execFileSync } from 'node:child_process';

/** The variables of the `export` lines of an output, as a shell reads them. */
export function exportedEnv(output: string): Record<string, string> {
  const lines = output.split('\n').filter((line) => line.startsWith('export '));
  const names = lines.map((line) => /^export (\w+)=/.exec(line)?.[1] ?? '');
  const print = names.map((name) => `printf '%s\\0' "$${name}"`);
  const values = execFileSync('sh', ['-c', [...lines, ...print].join('\n')], { encoding: 'utf8' }).split('\0');
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
}

/** The lines of an output that are neither empty nor `export` lines, which arrive over a pipe of their own. */
export function saidLines({ output }: { readonly output: string }): string[] {
  return output.split('\n').filter((line) => line !== '' && !line.startsWith('export '));
}
