import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { eventually } from './eventually.ts';
import { suite } from './suite.ts';

const here = import.meta.dirname;

interface Run {
  readonly name?: string;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

function runFile(source: string, run: Run = {}): { code: number | null; output: string } {
  const { name = 'sample.test.ts', args = [], env: more = {} } = run;
  const folder = mkdtempSync(join(tmpdir(), 'suite-'));
  try {
    const file = join(folder, name);
    writeFileSync(file, source.replaceAll('SUITE', join(here, 'suite.ts')).replaceAll('SIZE', join(here, 'size.ts')));
    const { NODE_V8_COVERAGE: _, CI: __, TEST_SIZE: ___, TEST_NAME: ____, ...env } = process.env;
    const result = spawnSync(process.execPath, [join(here, 'run.ts'), file, ...args], {
      encoding: 'utf8',
      env: { ...env, ...more },
    });
    return { code: result.status, output: result.stdout + result.stderr };
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
    // Repeated at the end, the part that remains of a long output.
    assert.match(
      output,
      /failed:\n {2}.*sample\.test\.ts\n {5}FAIL {2}s {2}"t"\n.*did not finish within 50 ms(.|\n)*\n0 passed, 1 failed/,
    );
  });

  test('in CI a skipped test fails, an omitted one does not; elsewhere both are counted', () => {
    const left = (how: string) =>
      `import { suite } from 'SUITE'; suite('s', (it) => { it.test('t', () => {}); it.${how}('u', 'no such server'); });`;
    for (const [how, ci, code, summary] of [
      ['skip', 'true', 1, '1 passed, 1 failed'],
      ['skip', '', 0, '1 passed, 0 failed, 1 skipped'],
      ['leaveOut', 'true', 0, '1 passed, 0 failed, 1 skipped'],
      ['leaveOut', '', 0, '1 passed, 0 failed, 1 skipped'],
    ] as const) {
      const run = runFile(left(how), { env: { CI: ci } });
      assert.equal([run.code, run.output.trim().split('\n').at(-1)], [code, summary], `${how} with CI=${ci}`);
      if (code === 0) assert.match(run.output, 'skipped: s: u (no such server)');
    }
  });

  const three = `import { suite } from 'SUITE';
    for (const name of ['one', 'two']) suite('s', (it) => { it.test(\`number \${name} of all\`, () => console.log('ran', name)); });
    suite('t', (it) => { it.before(() => console.log('set up')); it.test('another', () => {}); });`;

  test('a part of a title selects tests; suites without one of them set nothing up', () => {
    const { code, output } = runFile(three, { args: ['number two of'], env: { VERBOSE: '1' } });
    assert.is(code, 0, output);
    assert.match(output, '1 passed, 0 failed');
    assert.match(output, 'ran two');
    assert.not.match(output, 'ran one');
    assert.not.match(output, 'set up');
  });

  test('a title without a test fails the run', () => {
    for (const title of ['nothing is called this', 'number three of all']) {
      const { code, output } = runFile(three, { args: [title] });
      assert.is(code, 1, output);
      assert.match(output, /no test (has|file, folder or title contains) "/);
    }
  });

  const sizes = `import { sized } from 'SIZE'; import { suite } from 'SUITE';
    suite('s', (it) => {
      it.test('t', () => console.log('size', sized({ full: 5_000, short: 50 })));
      it.long('l', () => console.log('the long one'));
    });`;

  test('only a *.faults.test.ts file has two sizes, and long tests at full size', () => {
    const name = 'sample.faults.test.ts';
    const env = { VERBOSE: '1' };
    const short = runFile(sizes, { name, env });
    assert.match(short.output, 'size 50');
    assert.match(short.output, '1 passed, 0 failed');
    const full = runFile(sizes, { name, env, args: ['--faults'] });
    assert.match(full.output, 'size 5000');
    assert.match(full.output, 'the long one');
    assert.match(full.output, '2 passed, 0 failed');
    const elsewhere = runFile(sizes);
    assert.is(elsewhere.code, 1);
    assert.match(elsewhere.output, 'only *.faults.test.ts files have a full size');
  });

  for (const [name, teardown] of [
    ['kills its child processes', ''],
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
        { env: { TEST_FILE_SILENCE_MS: '2500' } },
      );
      assert.is(code, 1);
      assert.match(output, 'ended after 2500 ms of silence');
      assert.is(output.includes('torn down'), teardown !== '');
      const pid = Number(/pid (\d+)/.exec(output)?.[1]);
      assert.ok(pid > 0, output);
      await eventually(() => assert.throws(() => process.kill(pid, 0), /ESRCH/));
    });
  }
});
