import { BehaviorSubject } from 'rxjs';
import * as assert from 'uvu/assert';
import { RetryableError } from '../../core/errors.ts';
import { Readiness } from '../../core/readiness.ts';
import { suite } from '../../testing/suite.ts';
import type { RedisState } from './client.ts';
import { RedisCondition } from './redis-condition.ts';
import { RedisRefusal } from './redis-errors.ts';

suite('condition of Redis', ({ test }) => {
  const open = (bad: 'degraded' | 'failing') => {
    const readiness = new Readiness();
    const condition = new RedisCondition(readiness, bad);
    const state = new BehaviorSubject<RedisState>({ isReady: false });
    let connections = 0;
    const following = condition.follow({ state }, () => {
      connections += 1;
    });
    const shown = () => {
      const { state: is, detail } = readiness.report.components.redis ?? { state: 'none', detail: '' };
      return detail === '' ? is : `${is} ${detail}`;
    };
    return { condition, state, shown, following, connections: () => connections };
  };

  test('reports the connection first, then settings, reads and writes, each until resolved', () => {
    const { condition, state, shown, connections } = open('degraded');
    assert.is(shown(), 'none', 'connecting for the first time is not a problem');
    state.next({ isReady: true });
    assert.is(shown(), 'ok');
    condition.failed('writes', new RedisRefusal('OOM', 'OOM full'));
    assert.is(shown(), 'degraded writes are refused: OOM full');
    condition.failed('reads', new RetryableError('no answer'));
    assert.is(shown(), 'degraded skipped: no answer');
    condition.failed('writes', new RedisRefusal('MOVED', 'MOVED: set it'));
    assert.is(shown(), 'degraded skipped: MOVED: set it');
    condition.succeeded('reads');
    condition.succeeded('writes');
    assert.is(shown(), 'degraded skipped: MOVED: set it', 'another key may be here');
    state.next({ isReady: true, problem: 'reset' });
    state.next({ isReady: false, problem: 'WRONGPASS' });
    condition.failed('reads', new RetryableError('not writable'));
    assert.is(shown(), 'degraded skipped: WRONGPASS', 'the cause stays');
    assert.is(connections(), 1);
    state.next({ isReady: true });
    assert.is(shown(), 'ok');
    assert.is(connections(), 2);
  });

  test('a required layer fails; an unanswered write counts as a failed read', () => {
    const { condition, state, shown, following } = open('failing');
    state.next({ isReady: false, problem: 'ECONNREFUSED' });
    assert.is(shown(), 'failing lookups fail: ECONNREFUSED');
    state.next({ isReady: true });
    condition.failed('writes', new RetryableError('no answer'));
    condition.succeeded('writes');
    assert.is(shown(), 'failing lookups fail: no answer');
    following.unsubscribe();
    state.next({ isReady: true });
    assert.is(shown(), 'failing lookups fail: no answer');
  });
});
