import { spawn, spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { freePort } from '../sandbox/free-port.ts';
import { eventually } from './eventually.ts';

/** A local emulator of Google that a test starts. */
export interface GoogleEmulator {
  /** `127.0.0.1:port`, the format of the clients' `…_EMULATOR_HOST` variables. */
  readonly host: string;
  /** Ends the emulator and every process that it started. */
  close(): Promise<void>;
}

/** Timeout for a cold JVM on a busy machine. */
const START_DEADLINE_MS = 50_000;
const STOP_DEADLINE_MS = 5_000;

function accepts(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

/** True if `gcloud` and Java, which `startGoogleEmulator` needs, are on the PATH. */
export function hasGoogleEmulators(): boolean {
  return ['gcloud', 'java'].every((command) => spawnSync('which', [command]).status === 0);
}

/**
 * Starts `gcloud beta emulators <service> start` on a free port of 127.0.0.1 and waits until it accepts connections.
 * gcloud starts Java as a child, so both run in one process group, which `close` ends. If the test's process ends
 * first, the group is killed with it.
 */
export async function startGoogleEmulator(
  service: 'firestore' | 'pubsub',
  extraArguments: readonly string[] = [],
): Promise<GoogleEmulator> {
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const child = spawn(
    'gcloud',
    ['beta', 'emulators', service, 'start', `--host-port=${host}`, '--quiet', ...extraArguments],
    { detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  let failure: Error | undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output = (output + chunk).slice(-4000);
    });
  }
  child.once('error', (error) => {
    failure = error;
  });
  child.once('exit', (code) => {
    failure ??= new Error(`the ${service} emulator ended with code ${code}`);
  });

  /** False when no process of the group is left. */
  const signalGroup = (signal: NodeJS.Signals | 0): boolean => {
    if (child.pid === undefined) return false;
    try {
      return process.kill(-child.pid, signal);
    } catch {
      return false;
    }
  };
  const killGroup = () => {
    signalGroup('SIGKILL');
  };
  const leave = () => process.exit(1);
  process.once('exit', killGroup).once('SIGINT', leave).once('SIGTERM', leave);

  const close = async () => {
    signalGroup('SIGTERM');
    const gone = () => {
      if (signalGroup(0)) throw new Error(`the ${service} emulator is still running`);
    };
    await eventually(gone, { deadlineMs: STOP_DEADLINE_MS }).catch(async () => {
      killGroup();
      await eventually(gone, { deadlineMs: STOP_DEADLINE_MS });
    });
    process.off('exit', killGroup).off('SIGINT', leave).off('SIGTERM', leave);
  };

  const started = await eventually(
    async () => {
      if (failure !== undefined) return failure;
      await accepts(port);
      return undefined;
    },
    { deadlineMs: START_DEADLINE_MS, everyMs: 100 },
  ).catch((error: unknown) => new Error(`the ${service} emulator did not start: ${error}`));
  if (started !== undefined) {
    await close();
    throw new Error(`${started.message}\n${output}`, { cause: started });
  }
  return { host, close };
}
