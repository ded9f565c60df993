import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { readableLog } from './readable-log.ts';

suite('log lines for people', ({ test }) => {
  test('have the time, the service and what there is to say, in one line', () => {
    const lines: string[] = [];
    const log = readableLog(
      (line) => lines.push(line),
      () => false,
    );
    const common = { level: 40, time: Date.UTC(2026, 10, 29, 12, 0, 1), service: 'enrich', pipeline: 'enrich' };
    const first = { ...common, event: 'dead_letter.published', reason: 'no_key', msg: 'message went to dead-letter' };
    const second = { ...common, event: 'x', error: 'two\nlines\u001b[2J', components: { mqtt: 'away' }, msg: 'broken' };
    log.write(`${JSON.stringify(first)}\n${JSON.stringify(second)}\nno JSON\u0007\n`);
    assert.equal(lines, [
      '12:00:01 enrich  message went to dead-letter  reason: no_key',
      '12:00:01 enrich  broken  error: two lines [2J  components: {"mqtt":"away"}',
      'no JSON ',
    ]);
  });

  test('leave out that a service is not ready while services start and stop', () => {
    const lines: string[] = [];
    let isQuiet = true;
    const log = readableLog(
      (line) => lines.push(line),
      () => isQuiet,
    );
    const line = `{"time":0,"service":"enrich","event":"service.not_ready","msg":"not ready"}\n`;
    log.write(line);
    isQuiet = false;
    log.write(line);
    assert.equal(lines, ['00:00:00 enrich  not ready']);
  });
});
