import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { startChild } from '../src/testing/child.ts';
import { type EndedCommand, LAUNCH, runCli } from '../src/testing/cli.ts';
import { pipelineFolder } from '../src/testing/pipeline-folder.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { sized } from '../src/testing/size.ts';
import { suite } from '../src/testing/suite.ts';

const root = join(import.meta.dirname, '..');

suite('refusals of the command line', ({ test, after, afterEach }) => {
  const suiteEnd = suiteScope({ after });
  const scope = testScope({ afterEach });
  const folder = pipelineFolder(suiteEnd);

  const assertRefused = ({ code, output }: Pick<EndedCommand, 'code' | 'output'>, ...says: readonly RegExp[]): void => {
    for (const words of says) assert.match(output, words);
    assert.not.match(output, /\n\s+at /, 'a stack trace');
    assert.is(code, 2, output);
  };

  /**
   * A port in use, whose predecessor is free. Both are below the ports that Linux gives to outgoing connections, one of
   * which could take the free port.
   */
  async function usedPort(): Promise<number> {
    const taken = new Set<Server>();
    scope.defer(() => {
      for (const server of taken) server.close();
    });
    for (let port = 20_001 + (process.pid % 10_000); port < 32_768; port += 2) {
      const [before, server] = [createServer(), createServer()];
      const free = await Promise.all([listens(before, port - 1), listens(server, port)]);
      await new Promise<void>((resolve) => before.close(() => resolve()));
      taken.add(server);
      if (free.every((isFree) => isFree)) return port;
    }
    throw new Error('no two consecutive ports are free');
  }

  const listens = (server: Server, port: number): Promise<boolean> =>
    new Promise((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });

  test('a pipeline that does not exist: lists the other pipelines of its folder', async () => {
    const pipelines = join(root, 'pipelines');
    const commands = sized({
      full: [['run'], ['validate'], ['provision'], ['dead-letters', 'list']],
      short: [['run']],
    });
    for (const command of commands) {
      assertRefused(
        await runCli([...command, join(pipelines, 'ingest')]),
        /pipelines\/ingest: /,
        /there is no such file or folder; next to it are the pipelines bigqueries, enrich, icestore, ingestion/,
      );
    }
    assertRefused(await runCli(['run'], { cwd: root, env: { PIPELINE: 'ingest' } }), /next to it are/);
    assertRefused(await runCli(['validate', root]), /there is no pipeline\.yaml in this folder/);
  });

  test('a used port of a service: names the setting and the remedy', async () => {
    const port = await usedPort();
    const pipeline = folder.pipeline({
      service: 'icestore',
      google: { projectId: 'p' },
      http: { host: '127.0.0.1', port },
      source: { subscriptionId: 's' },
      bucket: { name: 'bucket' },
    });
    const { code, output } = await runCli(['run', pipeline]);
    assert.match(output, `http.port: cannot listen on 127.0.0.1:${port}`);
    assert.match(output, /another process listens there; choose another port, or 0 for a free one/);
    assert.not.match(output, /\n\s+at /);
    assert.is(code, 1, output);
  });

  test('used ports of a sandbox: names them and the remedy', async () => {
    const port = await usedPort();
    assertRefused(
      await runCli(['sandbox', '--ports', String(port - 1)]),
      new RegExp(`--ports ${port - 1}: `),
      new RegExp(`port ${port} \\(pubsub\\) cannot be had`),
      /leave it out for free ones/,
    );
  });

  test('options of chaos, tests and flows: help and refusals', async () => {
    const run = async (...args: readonly string[]): Promise<Pick<EndedCommand, 'code' | 'output'>> => {
      const child = await startChild(process.execPath, args, { cwd: root });
      return { code: await child.exited, output: child.output };
    };
    const programs = [
      ['e2e/chaos/chaos.ts', '--kills'],
      ['src/testing/run.ts', '--faults'],
      ['e2e/flows/run.ts', '--dry-run'],
      [LAUNCH, 'dead-letters'],
    ] as const;
    for (const [file, option] of sized<readonly (readonly [string, string])[]>({
      full: programs,
      short: programs.slice(0, 1),
    })) {
      const { code, output } = await run(file, '--help');
      assert.is(code, 0, output);
      assert.match(output, option);
      assertRefused(await run(file, '--nothing'), /unknown option '--nothing'/i);
    }
    assertRefused(await run('e2e/chaos/chaos.ts', '--kills', 'many'), /--kills.*whole number/);
  });
});
