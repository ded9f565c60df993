import { type Sandbox, type SandboxOptions, startSandbox } from '../sandbox/sandbox.ts';
import { SettingsError } from '../sandbox/settings-error.ts';
import { exportLines } from '../tools/demo/ready-lines.ts';
import { SANDBOX_DEFAULTS } from '../tools/demo/sandbox-defaults.ts';
import { onSignal } from '../util/on-signal.ts';
import { EXIT } from './exit-codes.ts';

export interface SandboxCommand {
  readonly ports?: number;
  readonly project: string;
  /** Permissions or methods, comma-separated. */
  readonly deny?: string;
  /** Permissions, comma-separated. */
  readonly allow?: string;
  readonly schemaDelayMs?: number;
  /** For a program that starts the sandbox as a child: the sandbox ends with that program. */
  readonly untilStdinEnds: boolean;
}

/** `sandbox`: runs the local cloud until SIGTERM, SIGINT or SIGHUP, and prints the environment to export. */
export async function sandbox({
  ports,
  project,
  deny,
  allow,
  schemaDelayMs,
  untilStdinEnds,
}: SandboxCommand): Promise<number> {
  const options: SandboxOptions = {
    projectId: project,
    control: true,
    ...(ports === undefined ? {} : { basePort: ports }),
    settings: {
      ...(deny === undefined ? {} : { deny: namesIn(deny) }),
      ...(allow === undefined ? {} : { allow: namesIn(allow) }),
      ...(schemaDelayMs === undefined ? {} : { schemaDelayMs }),
    },
  };
  const signalled = new Promise<void>((resolve) => {
    onSignal(resolve);
    if (untilStdinEnds) process.stdin.on('end', resolve).resume();
  });
  let cloud: Sandbox;
  try {
    cloud = await startSandbox(options);
  } catch (thrown) {
    if (!(thrown instanceof SettingsError)) throw thrown;
    console.error(thrown.message);
    return EXIT.configurationRefused;
  }
  for (const line of exportLines({ ...cloud.env, ...SANDBOX_DEFAULTS })) console.log(line);
  for (const missing of cloud.missing) console.error(`left out: ${missing}`);
  console.error('sandbox ready; Ctrl-C stops it');
  await signalled;
  await cloud.close();
  return EXIT.clean;
}

const namesIn = (list: string): string[] => list.split(',').map((name) => name.trim());
