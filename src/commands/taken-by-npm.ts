import type { Command } from 'commander';

/** The scripts of package.json that run commands. */
const SCRIPTS: ReadonlySet<string> = new Set(['cli', 'demo', 'sandbox']);

/**
 * Describes options that npm has taken for itself: `npm run demo --keep` gives the command no option, and `npm run cli
 * teardown pipelines/home --dry-run` would delete. npm names them in the environment of the script.
 *
 * @param words the arguments of the process.
 * @returns the mistake and the line that passes the options on; undefined if there are none.
 */
export function takenByNpm(program: Command, words: readonly string[], env: NodeJS.ProcessEnv): string | undefined {
  const script = env.npm_lifecycle_event ?? '';
  if (!SCRIPTS.has(script)) return undefined;
  const isGiven = (long: string) => words.some((word) => word === long || word.startsWith(`${long}=`));
  const taken = commandOf(program, words).options.flatMap(({ long, flags, required, optional }) => {
    const value = env[`npm_config_${long?.slice(2).replaceAll('-', '_')}`] ?? '';
    if (long == null || value === '' || isGiven(long)) return [];
    const isFlag = !required && !optional;
    // Without "=", npm takes the name and passes the value on, among the arguments.
    const isSplit = !isFlag && value === 'true';
    return [{ long, isSplit, shown: isFlag ? long : isSplit ? flags : `${long} ${value}` }];
  });
  if (taken.length === 0) return undefined;
  const names = taken.map(({ long }) => long).join(', ');
  const kept = taken.some(({ isSplit }) => isSplit) ? ['…'] : script === 'cli' ? words : words.slice(1);
  const passed = [...kept, ...taken.map(({ shown }) => shown)];
  return `npm has taken ${names} for itself. Options go behind "--":\nnpm run ${script} -- ${passed.join(' ')}`;
}

/** The innermost command that the words name. */
function commandOf(program: Command, [word, ...rest]: readonly string[]): Command {
  const inner = program.commands.find((command) => command.name() === word);
  return inner === undefined ? program : commandOf(inner, rest);
}
