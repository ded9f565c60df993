import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { BoundedLog, type LogOutput } from './standard-error.ts';

/** An output that is as slow or as broken as the test requires. */
function testOutput() {
  const written: string[] = [];
  const waiting: ((error?: Error | null) => void)[] = [];
  const output: LogOutput = {
    write: (chunk, done) => {
      written.push(chunk);
      waiting.push(done);
    },
    writeNow: (chunk) => written.push(`now ${chunk}`),
  };
  const finish = (error?: Error) => waiting.shift()?.(error);
  return { written, output, finish };
}

suite('bounded log', ({ test }) => {
  test('writes one chunk at a time; waiting lines are combined', () => {
    const { written, output, finish } = testOutput();
    const log = new BoundedLog(output);
    for (const line of ['1\n', '2\n', '3\n']) log.write(line);
    assert.equal(written, ['1\n']);
    finish();
    assert.equal(written, ['1\n', '2\n3\n']);
    finish();
    log.write('4\n');
    assert.equal(written, ['1\n', '2\n3\n', '4\n']);
    assert.is(log.dropped, 0);
  });

  test('holds a maximum of bytes, drops the rest, and accepts more once there is room', () => {
    const { written, output, finish } = testOutput();
    const log = new BoundedLog(output, 8);
    for (let line = 1; line <= 5; line += 1) log.write(`${line}ä\n`);
    assert.is(log.dropped, 3);
    finish();
    log.write('6ä\n');
    log.write('7ä\n');
    assert.is(log.dropped, 4);
    finish();
    assert.equal(written, ['1ä\n', '2ä\n', '6ä\n']);
  });

  test('counts lines that the output refuses, and continues', () => {
    const { written, output, finish } = testOutput();
    const log = new BoundedLog(output);
    for (const line of ['1\n', '2\n', '3\n']) log.write(line);
    finish(new Error('no space'));
    finish(new Error('no space'));
    log.write('4\n');
    finish();
    assert.is(log.dropped, 3);
    assert.equal(written, ['1\n', '2\n3\n', '4\n']);
  });

  test('flushing waits for the output, but not forever', async () => {
    const { output, finish } = testOutput();
    const log = new BoundedLog(output);
    await log.flush(60_000);
    log.write('1\n');
    await log.flush(20);
    log.write('2\n');
    const flushed = log.flush(60_000);
    finish();
    finish();
    await flushed;
  });

  test('writes waiting lines synchronously at the end of the process', () => {
    const { written, output } = testOutput();
    const log = new BoundedLog(output);
    log.write('1\n');
    log.flushNow();
    log.write('2\n');
    log.flushNow();
    assert.equal(written, ['1\n', 'now 2\n']);
  });
});
