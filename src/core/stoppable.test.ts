import { NEVER, Subject } from 'rxjs';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { stoppable } from './stoppable.ts';

suite('stoppable', ({ test }) => {
  function life() {
    const calls: string[] = [];
    return {
      calls,
      begin: () => calls.push('begin'),
      stop: () => calls.push('stop'),
      abort: () => calls.push('abort'),
    };
  }

  test('completes on the stop signal, and aborts if unsubscribed before', () => {
    const stopped = life();
    const stop = new Subject<void>();
    stoppable(stop, stopped).subscribe({ error: assert.unreachable, complete: () => stopped.calls.push('complete') });
    stop.next();
    assert.equal(stopped.calls, ['begin', 'stop', 'complete']);

    const aborted = life();
    stoppable(NEVER, aborted).subscribe({ error: assert.unreachable }).unsubscribe();
    assert.equal(aborted.calls, ['begin', 'abort']);
  });

  test('a stop signal that fails fails the source, and aborts it', () => {
    const failed = life();
    const stop = new Subject<void>();
    const errors: unknown[] = [];
    stoppable(stop, failed).subscribe({ error: (thrown) => errors.push(thrown) });
    stop.error('broken');
    assert.equal(errors, ['broken']);
    assert.equal(failed.calls, ['begin', 'abort']);
  });
});
