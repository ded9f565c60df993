import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from './eventually.ts';

/** A process of a test, with its output. */
export interface Child {
  readonly pid: number;
  /** The output so far, of both streams. */
  readonly output: string;
  readonly stdout: string;
  /** Resolves with the exit code, or null after a signal. */
  readonly exited: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
  /** Stops reading its output, like a hung log collector. */
  stallOutput(): void;
  /** Sends the signal and waits for the end. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface ChildOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Waits until the output matches. */
  readonly readyWhen?: RegExp;
  readonly readyWithinMs?: number;
  /** A file descriptor in place of the pipe from standard error. */
  readonly stderr?: number;
  /** Makes it the leader of a process group of its own, as a shell does for what runs in its terminal. */
  readonly group?: boolean;
  /** Called with the output of both streams. */
  readonly onOutput?: (text: string) => void;
}

/** Starts a process that ends with the test at the latest. */
export async function startChild(command: string, args: readonly string[], options: ChildOptions = {}): Promise<Child> {
  const { readyWhen, readyWithinMs = 30_000, onOutput, stderr = 'pipe', group = false } = options;
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', stderr],
    env: options.env ?? process.env,
    detached: group,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  running.add(child);
  let output = '';
  let stdout = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
    stdout += chunk;
    onOutput?.(String(chunk));
  });
  child.stderr?.on('data', (chunk) => {
    output += chunk;
    onOutput?.(String(chunk));
  });
  let ended = false;
  const exited = Promise.race([once(child, 'close'), once(child, 'error')]).then(([code]): number | null => {
    ended = true;
    running.delete(child);
    if (code instanceof Error) throw code;
    return typeof code === 'number' ? code : null;
  });
  exited.catch(() => {});
  if (readyWhen !== undefined) {
    const problem = await eventually(
      () => {
        if (readyWhen.test(output)) return undefined;
        const problem = new Error(`${command} ${args.join(' ')} ${ended ? 'ended' : 'is not ready'}:\n${output}`);
        if (ended) return problem;
        throw problem;
      },
      { deadlineMs: readyWithinMs },
    );
    if (problem !== undefined) throw problem;
  }
  return {
    pid: child.pid ?? 0,
    get output() {
      return output;
    },
    get stdout() {
      return stdout;
    },
    exited,
    kill: (signal) => child.kill(signal),
    stallOutput: () => {
      child.stdout?.pause();
      child.stderr?.pause();
      // 'close' would wait for unread output.
      child.once('exit', () => {
        child.stdout?.resume();
        child.stderr?.resume();
      });
    },
    end: (signal = 'SIGTERM') => {
      child.kill(signal);
      return exited;
    },
  };
}
