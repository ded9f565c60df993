/** One step of a Dockerfile. */
export interface Step {
  readonly instruction: string;
  readonly argument: string;
}

/** The steps between one FROM and the next. */
export interface Stage {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** Reads a Dockerfile's stages. Skips comments and joins continued lines. */
export function stagesOf(dockerfile: string): Stage[] {
  const lines = dockerfile
    .replace(/\\\n/g, ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const stages: { name: string; steps: Step[] }[] = [];
  for (const line of lines) {
    const [instruction = '', ...rest] = line.split(/\s+/);
    const argument = rest.join(' ');
    if (instruction === 'FROM') stages.push({ name: argument.split(/ AS /i)[1] ?? '', steps: [] });
    else stages.at(-1)?.steps.push({ instruction, argument });
  }
  return stages;
}

/** Returns whether the lines of a `.dockerignore` exclude a path. Supports only the forms in this repository. */
export function isIgnored(path: string, ignored: readonly string[]): boolean {
  return ignored.some((pattern) => {
    if (pattern.startsWith('**/*')) return path.endsWith(pattern.slice(4));
    return path === pattern || path.startsWith(`${pattern}/`);
  });
}
