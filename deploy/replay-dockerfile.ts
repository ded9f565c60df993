/**
 * Replays the steps of the Dockerfile in empty folders, one per stage, for machines without a Docker engine. Then
 * starts the image's command, runs its health check, and sends SIGTERM.
 *
 *     node deploy/replay-dockerfile.ts
 *
 * The pipeline is `icestore`, against the sandbox. At the end, prints the limits of a replay: the base image, its user,
 * and the network of a container.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { freePort } from '../src/sandbox/free-port.ts';
import { startSandbox } from '../src/sandbox/sandbox.ts';
import { startChild } from '../src/testing/child.ts';
import { builtInPipeline } from '../src/testing/cli.ts';
import { eventually } from '../src/testing/eventually.ts';
import { createResources } from '../src/tools/demo/provision-run.ts';
import { namedResources } from '../src/tools/demo/run-resources.ts';
import { Fleet } from '../src/tools/load/fleet.ts';
import { isIgnored, type Stage, stagesOf } from './dockerfile.ts';

const root = join(import.meta.dirname, '..');
const work = mkdtempSync(join(tmpdir(), 'replay-'));
const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n').filter(Boolean);

interface Image {
  readonly folder: string;
  readonly env: Record<string, string>;
  workdir: string;
  command: string[];
  healthcheck: string[];
  user: string;
}

/** The words of an instruction in JSON form: `["node", "x"]`. */
function words(argument: string): string[] {
  const parsed: unknown = JSON.parse(argument.slice(argument.indexOf('[')));
  if (!Array.isArray(parsed)) throw new Error(`expected a list: ${argument}`);
  return parsed.map(String);
}

function copy(image: Image, argument: string, images: ReadonlyMap<string, Image>): void {
  const parts = argument.split(' ');
  const stage = parts[0]?.startsWith('--from=') ? images.get(parts.shift()?.slice(7) ?? '') : undefined;
  const target = parts.pop() ?? '';
  for (const source of parts) {
    const from = stage === undefined ? join(root, source) : join(stage.folder, source);
    if (!existsSync(from)) throw new Error(`COPY ${argument}: ${source} does not exist`);
    const into = join(image.folder, image.workdir, target);
    const destination = target.endsWith('/') ? join(into, source.split('/').at(-1) ?? '') : into;
    mkdirSync(dirname(destination), { recursive: true });
    cpSync(from, destination, {
      recursive: true,
      filter: (path) => stage !== undefined || !isIgnored(relative(root, path), ignored),
    });
  }
}

function build(stage: Stage, index: number, images: ReadonlyMap<string, Image>): Image {
  const folder = join(work, `stage-${index}`);
  mkdirSync(folder);
  const image: Image = { folder, env: {}, workdir: '/', command: [], healthcheck: [], user: 'root' };
  for (const { instruction, argument } of stage.steps) {
    console.log(`  ${instruction} ${argument}`);
    if (instruction === 'WORKDIR') {
      image.workdir = argument;
      mkdirSync(join(folder, argument), { recursive: true });
    } else if (instruction === 'ENV') {
      const [name = '', value = ''] = argument.split('=');
      image.env[name] = value;
    } else if (instruction === 'COPY') copy(image, argument, images);
    else if (instruction === 'RUN') {
      const { status } = spawnSync('sh', ['-c', argument], { cwd: join(folder, image.workdir), stdio: 'inherit' });
      if (status !== 0) throw new Error(`RUN ${argument} ended with ${status}`);
    } else if (instruction === 'CMD') image.command = words(argument);
    else if (instruction === 'HEALTHCHECK') image.healthcheck = words(argument);
    else if (instruction === 'USER') image.user = argument;
    else if (!['EXPOSE', 'LABEL'].includes(instruction)) throw new Error(`this replay does not know ${instruction}`);
  }
  return image;
}

async function runImage(image: Image): Promise<void> {
  const sandbox = await startSandbox({ parts: ['pubsub', 'storage', 'firestore'] });
  sandbox.applyEnv();
  try {
    const resources = namedResources('replay', sandbox.projectId);
    await createResources(
      resources,
      new Fleet({ devices: 1, seed: 1, runId: 'replay' }),
      ['ingestion', 'icestore'].map(builtInPipeline),
    );
    const port = await freePort();
    const env = {
      ...image.env,
      ...sandbox.env,
      ...resources.env,
      PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
      PIPELINE: 'icestore',
      HTTP_PORT: String(port),
    };
    const cwd = join(image.folder, image.workdir);
    const [command = '', ...args] = image.command;
    const container = await startChild(command, args, { cwd, env, readyWhen: /"event":"service.ready"/ });
    await eventually(() => {
      const [check = '', ...rest] = image.healthcheck;
      const { status } = spawnSync(check, rest, { cwd, env });
      if (status !== 0) throw new Error(`the health check ended with ${status}`);
    });
    const code = await container.end('SIGTERM');
    if (code !== 0) throw new Error(`the container's process ended with ${code}:\n${container.output}`);
  } finally {
    await sandbox.close();
  }
}

try {
  const images = new Map<string, Image>();
  let last: Image | undefined;
  for (const [index, stage] of stagesOf(readFileSync(join(root, 'Dockerfile'), 'utf8')).entries()) {
    last = build(stage, index, images);
    images.set(stage.name, last);
  }
  if (last === undefined || last.user === 'root') throw new Error('the last stage must not run as root');
  const startedMs = Date.now();
  await runImage(last);
  // Node adds modules to its compile cache, and continues without it if it cannot.
  const written = readdirSync(last.folder, { recursive: true, withFileTypes: true })
    .map((file) => join(file.parentPath, file.name))
    .filter((path) => !path.includes('/node_modules/.cache') && statSync(path).mtimeMs > startedMs);
  if (written.length > 0)
    throw new Error(`written while running, so the root cannot be read-only: ${written.join(', ')}`);
  const { stdout } = spawnSync('du', ['-sh', last.folder], { encoding: 'utf8' });
  console.log(
    `\nthe image's files: ${stdout.split('\t')[0]}; its command became ready, healthy, wrote nothing in them but a compile cache, and left with 0 on SIGTERM`,
  );
  console.log(`not shown by a replay: the base image, the user "${last.user}", the network of a container`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
