import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from './suite.ts';

const here = import.meta.dirname;

function runFile(source: string): { code: number | null; output: string } {
  const folder = mkdtempSync(join(tmpdir(), 'suite-'));
  try {
    const file = join(folder, 'sample.test.mjs');
    writeFileSync(file, source.replaceAll('SUITE', join(here, 'suite.ts')));
    const { NODE_V8_COVERAGE: _, CI: __, ...env } = process.env;
    const result = spawnSync(process.execPath, [join(here, 'run.ts'), file], { encoding: 'utf8', env });
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
});
