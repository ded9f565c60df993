import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { Readiness, type ReadinessReport } from './readiness.ts';

function reports(readiness: Readiness): ReadinessReport[] {
  const seen: ReadinessReport[] = [];
  readiness.changes.subscribe((report) => seen.push(report));
  return seen;
}

suite('readiness', ({ test }) => {
  test('a service without parts is ready', () => {
    assert.equal(new Readiness().report, { ready: true, degraded: false, components: {} });
  });

  test('one failing part makes it red, until that part recovers', () => {
    const readiness = new Readiness();
    readiness.set('a', 'ok');
    readiness.set('b', 'failing', 'no answer');
    assert.is(readiness.report.ready, false);
    assert.equal(readiness.report.components.b, { state: 'failing', detail: 'no answer' });
    readiness.set('b', 'ok');
    assert.is(readiness.report.ready, true);
    assert.is(readiness.report.degraded, false);
  });

  test('a degraded part stays green', () => {
    const readiness = new Readiness();
    readiness.set('redis', 'degraded', 'skipped');
    assert.is(readiness.report.ready, true);
    assert.is(readiness.report.degraded, true);
  });

  test('emits the current report, then each change only', () => {
    const readiness = new Readiness();
    readiness.set('a', 'failing', 'one');
    const seen = reports(readiness);
    readiness.set('a', 'failing', 'one');
    readiness.set('a', 'failing', 'two');
    readiness.set('a', 'ok');
    readiness.set('a', 'ok');
    assert.equal(
      seen.map(({ components }) => components.a?.detail),
      ['one', 'two', ''],
    );
  });

  test('an emitted report does not change afterwards', () => {
    const readiness = new Readiness();
    readiness.set('a', 'ok');
    const before = readiness.report;
    readiness.set('a', 'failing', 'gone');
    assert.is(before.components.a?.state, 'ok');
  });
});
