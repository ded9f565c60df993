import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { eventually } from './eventually.ts';
import { suite } from './suite.ts';

const here = import.meta.dirname;

function runFile(source: string, more: NodeJS.ProcessEnv = {}): { code: number | null; output: string } {
  const folder = mkdtempSync(join(tmpdir(), 'suite-'));
  try {
    const file = join(folder, 'sample.test.mjs');
    writeFileSync(file, source.replaceAll('SUITE', join(here, 'suite.ts')));
    const { NODE_V8_COVERAGE: _, CI: __, ...env } = process.env;
    const result = spawnSync(process.execPath, [join(here, 'run.ts'), file], {
      encoding: 'utf8',
      env: { ...env, ...more },
    });
    return { code: result.status, output: result.stdout };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

suite('suite', ({ test }) => {
  test('a passing file passes, and is counted', () => {
    const { code, output } = runFile(`import { suite } from 'SUITE'; suite('s', (it) => { it.test('t', () => {}); });`);
    assert.is(code, 0);
    assert.match(output, '1 passed, 0 failed');
  });

  test('a before hook that throws fails the run', () => {
    const { code, output } = runFile(
      `import { suite } from 'SUITE'; suite('s', (it) => { it.before(() => { throw new Error('no'); }); it.test('t', () => {}); });`,
    );
    assert.is(code, 1);
    assert.match(output, /0 passed, [12] failed/);
  });

  test('a file without a suite fails the run', () => {
    const { code, output } = runFile(`import 'SUITE';`);
    assert.is(code, 1);
    assert.match(output, '0 passed, 1 failed');
  });

  test('a test that hangs fails instead of ending the file silently', () => {
    const { code, output } = runFile(
      `import { suite } from 'SUITE'; suite('s', (it) => { it.test('t', () => new Promise(() => {}), 50); });`,
    );
    assert.is(code, 1);
    assert.match(output, 'did not finish within 50 ms');
  });

  for (const [name, teardown] of [
    ['kills what it has started', ''],
    ['may tear down first', "process.once('SIGTERM', () => setTimeout(leave, 300));"],
  ]) {
    test(`a file that is silent too long is ended, and ${name}`, async () => {
      const { code, output } = runFile(
        `import { suite } from 'SUITE';
         import { startChild } from '${join(here, 'child.ts')}';
         const leave = () => { console.log('torn down'); process.exit(1); };
         suite('s', (it) => {
           it.test('t', async () => {
             const child = await startChild('sleep', ['1000']);
             console.log('pid', child.pid);
             ${teardown}
             await child.exited;
           });
         });`,
        { TEST_FILE_SILENCE_MS: '5000' },
      );
      assert.is(code, 1);
      assert.match(output, 'ended after 5000 ms of silence');
      assert.is(output.includes('torn down'), teardown !== '');
      const pid = Number(/pid (\d+)/.exec(output)?.[1]);
      assert.ok(pid > 0, output);
      await eventually(() => assert.throws(() => process.kill(pid, 0), /ESRCH/));
    });
  }
});
