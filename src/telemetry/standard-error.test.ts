import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import * as assert from 'uvu/assert';
import { eventually } from '../testing/eventually.ts';
import { suite } from '../testing/suite.ts';
import { withTemporaryFolder } from '../testing/temporary-folder.ts';

/** A process that logs `lines` lines synchronously, prints how many it has dropped, and then exits. */
function program(lines: number, end: 'exit' | 'flush'): string[] {
  const source = `
    import { Telemetry } from '${join(import.meta.dirname, 'telemetry.ts')}';
    import { flushLogs } from '${join(import.meta.dirname, 'standard-error.ts')}';
    const telemetry = new Telemetry('svc', { level: 'info', processMetrics: false });
    for (let number = 0; number < ${lines}; number += 1) telemetry.log.info({ number }, 'x'.repeat(1_000));
    const metrics = await telemetry.registry.metrics();
    console.log(/dataflow_log_lines_dropped_total\\{.*\\} (\\d+)/.exec(metrics)?.[1]);
    ${end === 'flush' ? 'await flushLogs(60_000);' : ''}
    process.exit(3);`;
  return ['--input-type=module', '-e', source];
}

const numbersIn = (log: string): number[] =>
  log
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).number);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

suite('standard error', ({ test }) => {
  test('a slow reader gets whole lines in order, up to a bound; the rest is counted', async () => {
    const child = spawn(process.execPath, program(5_000, 'flush'), { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stdout.on('data', (chunk) => {
      said += chunk;
    });
    // Printed while nothing reads the log, which does not block the process.
    await eventually(() => assert.match(said, /^\d+\n/));
    const dropped = Number(said);
    assert.ok(dropped > 2_000 && dropped < 4_500, `${dropped} dropped`);
    const [log, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
    assert.is(code, 3);
    assert.equal(numbersIn(log), upTo(5_000 - dropped));
  });

  test('a file gets every line, including the last ones', () =>
    withTemporaryFolder(async (folder) => {
      const file = join(folder, 'log');
      const descriptor = openSync(file, 'w');
      const child = spawn(process.execPath, program(500, 'exit'), { stdio: ['ignore', 'pipe', descriptor] });
      assert.ok(child.stdout);
      const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
      closeSync(descriptor);
      assert.is(said, '0\n');
      assert.is(code, 3);
      assert.equal(numbersIn(readFileSync(file, 'utf8')), upTo(500));
    }));
});
