import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { stagesOf } from '../deploy/dockerfile.ts';
import { NODE_OPTIONS } from './node-options.mjs';
import { LAUNCH } from './testing/cli.ts';
import { pipelineFolder } from './testing/pipeline-folder.ts';
import { testScope } from './testing/scope.ts';
import { suite } from './testing/suite.ts';

const ROOT = join(import.meta.dirname, '..');

/** Loaded by the service as its hooks: prints what it runs on, how far its young generation grows, and ends it. */
const REPORT = `
import { getHeapSpaceStatistics } from 'node:v8';
const kept = [];
let young = 0;
for (let index = 0; index < 3_000_000; index += 1) {
  kept[index % 200_000] = { index, list: [index] };
  if (index % 50_000 !== 0) continue;
  const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
  young = Math.max(young, space.space_size / 1024 / 1024);
}
const { MALLOC_ARENA_MAX: arenas } = process.env;
console.log(JSON.stringify({ pid: process.pid, execArgv: process.execArgv, youngMb: young, arenas }));
process.exit(0);
`;

suite('starting a service', ({ test, afterEach }) => {
  const scope = testScope({ afterEach });

  const start = (command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
    const folder = pipelineFolder(scope);
    const pipeline = folder.pipeline({
      service: 'icestore',
      google: { projectId: 'p' },
      source: { subscriptionId: 's' },
      bucket: { name: 'b' },
    });
    folder.file('p1/hooks.ts', REPORT);
    const child = spawnSync(command, [...args, 'run', pipeline], {
      cwd: ROOT,
      encoding: 'utf8',
      env: { ...process.env, ...env },
    });
    assert.is(child.status, 0, child.stderr);
    const report: { pid: number; execArgv: string[]; youngMb: number; arenas?: string } = JSON.parse(child.stdout);
    return { ...report, spawned: child.pid, stderr: child.stderr };
  };
  test('with node keeps the process and its options, and bounds the young generation', () => {
    const { pid, spawned, execArgv, youngMb, arenas, stderr } = start(process.execPath, ['--stack-size=900', LAUNCH]);
    assert.is(pid, spawned);
    assert.equal(execArgv, ['--stack-size=900', ...NODE_OPTIONS]);
    // Two halves of 32 MB, and pages on their way to the old generation.
    assert.ok(youngMb <= 96, `${youngMb} MB`);
    assert.is(arenas, '1');
    assert.is(stderr, '');
  });

  test("keeps the operator's own number of arenas", () => {
    const { arenas } = start(process.execPath, [LAUNCH], { MALLOC_ARENA_MAX: '4' });
    assert.is(arenas, '4');
  });

  test('with npm, on any Node of the machine, bounds it as well', () => {
    const { execArgv } = start('npm', ['run', '--silent', 'cli', '--']);
    assert.equal(execArgv, NODE_OPTIONS);
  });

  test('like the container bounds it as well', () => {
    const steps = stagesOf(readFileSync(join(ROOT, 'Dockerfile'), 'utf8')).at(-1)?.steps ?? [];
    const [, ...command]: string[] = JSON.parse(steps.find(({ instruction }) => instruction === 'CMD')?.argument ?? '');
    const { execArgv } = start(process.execPath, command.slice(0, -1));
    assert.equal(execArgv, NODE_OPTIONS);
  });

  for (const [what, args, env] of [
    ['on the command line', ['--max_semi_space_size=2'], {}],
    ['in NODE_OPTIONS', [], { NODE_OPTIONS: '--max-semi-space-size=2' }],
  ] as const) {
    test(`keeps the operator's own bound ${what}`, () => {
      const { execArgv, youngMb } = start(process.execPath, [...args, LAUNCH], env);
      assert.equal(execArgv, args);
      // Two halves of 2 MB, and pages on their way to the old generation; with the service's own option it is 64 MB.
      assert.ok(youngMb <= 32, `${youngMb} MB`);
    });
  }
});
