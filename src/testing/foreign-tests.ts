import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { startChild } from './child.ts';

/** Tests in another language, one process each. */
export interface ForeignTests {
  readonly names: readonly string[];
  /** The reason that they cannot run here; undefined if they can. */
  readonly missing: string | undefined;
  /** Runs one test in this environment; rejects with its output if it fails. */
  run(name: string, env: NodeJS.ProcessEnv): Promise<void>;
}

const CACHE = join(import.meta.dirname, '../../node_modules/.cache/foreign-tests');
/** Timeout for downloading modules once. */
const FETCH_TIMEOUT_MS = 5 * 60_000;

/** Returns why `command` fails: the last line of its output; undefined if it succeeds. */
function failureOf(command: string, args: readonly string[], cwd: string, env = process.env): string | undefined {
  const { error, status, stderr } = spawnSync(command, args, {
    cwd,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: FETCH_TIMEOUT_MS,
  });
  if (error !== undefined) return error.message;
  return status === 0 ? undefined : `${stderr.trim().split('\n').at(-1)}`;
}

async function runToEnd(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<void> {
  const child = await startChild(command, args, { cwd, env, onOutput: (text) => process.stderr.write(text) });
  const code = await child.exited;
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with code ${code}:\n${child.output}`);
}

/** Returns the names that `namesOf` finds in the text of each file. */
function namesIn(folder: string, files: string, namesOf: (text: string, file: string) => string[]): string[] {
  return globSync(files, { cwd: folder })
    .sort()
    .flatMap((file) => namesOf(readFileSync(join(folder, file), 'utf8'), file));
}

/** Returns all texts of the first group of `pattern`. */
const groups = (text: string, pattern: RegExp): string[] =>
  Array.from(text.matchAll(pattern), ([, group = '']) => group);

function unittestNames(text: string, file: string): string[] {
  const [kind = ''] = groups(text, /^class (\w+)\(unittest\.TestCase\)/gm);
  return groups(text, /^ {4}def (test_\w+)/gm).map((method) => `${basename(file, '.py')}.${kind}.${method}`);
}

const CI_REASON = 'CI has Node, npm and the packages of Debian';

/**
 * The tests of a Go module, in `*_test.go`. Modules come from Go's cache, otherwise from its proxy; only the installed
 * toolchain is used. The first run compiles them, which takes minutes.
 */
export function goTests(folder: string): ForeignTests {
  const env = { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly', GOWORK: 'off', CGO_ENABLED: '0' };
  const binary = join(CACHE, 'clients-go.test');
  let compiled: Promise<void> | undefined;
  return {
    names: namesIn(folder, '*_test.go', (text) => groups(text, /^func (Test\w+)\(/gm)),
    missing: missingGo(folder, env),
    async run(name, servers) {
      // -v prints each package: the runner ends a file that is silent for too long.
      compiled ??= runToEnd('go', ['test', '-c', '-v', '-o', binary, '.'], folder, env);
      await compiled;
      await runToEnd(binary, ['-test.v', '-test.timeout=60s', `-test.run=^${name}$`], folder, { ...env, ...servers });
    },
  };
}

function missingGo(folder: string, env: NodeJS.ProcessEnv): string | undefined {
  if (process.env.CI === 'true') return CI_REASON;
  if (failureOf('go', ['version'], folder, env) !== undefined) return 'go is not installed';
  const failure = failureOf('go', ['list', '-deps', '-test', '.'], folder, env);
  return failure === undefined ? undefined : `its Go modules cannot be had: ${failure}`;
}

/**
 * The unittest methods of a folder, in `test_*.py` with one class each. The packages of `requirements.txt` are
 * installed once, into a virtual environment below node_modules; a change of the file creates another.
 */
export function pythonTests(folder: string): ForeignTests {
  const requirements = readFileSync(join(folder, 'requirements.txt'));
  const environment = join(CACHE, `python-${createHash('sha256').update(requirements).digest('hex').slice(0, 12)}`);
  return {
    names: namesIn(folder, 'test_*.py', unittestNames),
    missing: missingPython(folder, environment),
    run: (name, servers) =>
      runToEnd(join(environment, 'bin/python'), ['-B', '-m', 'unittest', '-v', name], folder, {
        ...process.env,
        ...servers,
      }),
  };
}

function missingPython(folder: string, environment: string): string | undefined {
  if (process.env.CI === 'true') return CI_REASON;
  const isComplete = join(environment, 'complete');
  if (existsSync(isComplete)) return undefined;
  if (failureOf('python3', ['--version'], folder) !== undefined) return 'python3 is not installed';
  rmSync(environment, { recursive: true, force: true });
  const failure =
    failureOf('python3', ['-m', 'venv', environment], folder) ??
    failureOf(
      join(environment, 'bin/pip'),
      ['install', '--quiet', '--only-binary', ':all:', '-r', 'requirements.txt'],
      folder,
    );
  if (failure !== undefined) return `its Python packages cannot be had: ${failure}`;
  writeFileSync(isComplete, '');
  return undefined;
}
