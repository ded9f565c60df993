import { startSandbox } from '../sandbox/sandbox.ts';
import { EXIT } from './exit-codes.ts';

/** `sandbox`: runs the local cloud until SIGTERM or SIGINT, and prints the environment to export. */
export async function sandbox({ ports, project }: { ports?: number; project: string }): Promise<number> {
  const cloud = await startSandbox({
    projectId: project,
    control: true,
    ...(ports === undefined ? {} : { basePort: ports }),
  });
  for (const [name, value] of Object.entries(cloud.env)) console.log(`export ${name}=${value}`);
  for (const missing of cloud.missing) console.error(`left out: ${missing}`);
  console.error('sandbox ready; Ctrl-C ends it');
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
  await cloud.close();
  return EXIT.clean;
}
