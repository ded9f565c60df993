import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import type { FaultRule } from './fault-rule.ts';
import { Faults, type FaultyCall, InjectedError, LostResponse } from './faults.ts';

const PUBLISH: FaultyCall = { server: 'pubsub', method: 'Publish', resource: 'projects/p/topics/t' };

/** Returns the results of consecutive calls: `ok`, or the name of the error. */
async function outcomes(faults: Faults, calls: number, call = PUBLISH): Promise<string[]> {
  const found: string[] = [];
  for (let index = 0; index < calls; index += 1) {
    found.push(await faults.pass(call, () => 'ok').catch((error: Error) => error.name));
  }
  return found;
}

function refusal(rule: object): string {
  try {
    new Faults().add(rule as FaultRule);
  } catch (thrown) {
    return String(thrown);
  }
  return 'none';
}

suite('faults', ({ test }) => {
  test('a rule names calls by server, method and resource', async () => {
    const error = { code: 'UNAVAILABLE' };
    for (const [rule, isHit] of [
      [{ server: 'pubsub', error }, true],
      [{ server: 'pubsub', method: 'Publish', error }, true],
      [{ server: 'pubsub', method: 'P*', resource: '*/topics/t', error }, true],
      [{ server: 'storage', error }, false],
      [{ server: 'pubsub', method: 'Pull', error }, false],
      [{ server: 'pubsub', method: 'Publ', error }, false],
      [{ server: 'pubsub', resource: 'projects.p.topics.t', error }, false],
    ] as const) {
      const faults = new Faults();
      faults.add(rule);
      assert.equal(await outcomes(faults, 1), [isHit ? 'InjectedError' : 'ok'], JSON.stringify(rule));
    }
  });

  test('lets calls pass first, is used up, and can be removed', async () => {
    const faults = new Faults();
    const fault = faults.add({ server: 'pubsub', skip: 2, times: 2, error: { code: 'ABORTED' } });
    assert.equal(await outcomes(faults, 6), ['ok', 'ok', 'InjectedError', 'InjectedError', 'ok', 'ok']);
    assert.equal([fault.matched, fault.fired], [6, 2]);
    const forever = faults.add({ server: 'pubsub', error: { code: 'ABORTED' } });
    assert.equal(await outcomes(faults, 1), ['InjectedError']);
    forever.remove();
    assert.equal(await outcomes(faults, 1), ['ok']);
    faults.clear();
    assert.ok(faults.isEmpty);
  });

  test('a seed chooses the same calls again', async () => {
    const play = (seed: number) => {
      const faults = new Faults();
      faults.add({ server: 'pubsub', probability: 0.3, seed, error: { code: 'ABORTED' } });
      return outcomes(faults, 300);
    };
    const first = await play(7);
    assert.equal(await play(7), first);
    assert.not.equal(await play(8), first);
    const hits = first.filter((outcome) => outcome !== 'ok').length;
    assert.ok(hits > 60 && hits < 120, `${hits} of 300 at 0.3`);
  });

  test('a refused call is not executed, one with a lost response is', async () => {
    const faults = new Faults();
    faults.add({ server: 'pubsub', times: 1, error: { code: 'ABORTED', message: 'no' } });
    let worked = 0;
    const work = () => {
      worked += 1;
    };
    const refused = await faults.pass(PUBLISH, work).catch((error) => error);
    assert.ok(refused instanceof InjectedError && refused.message === 'no');
    assert.is(worked, 0);
    faults.add({ server: 'pubsub', times: 1, dropResponse: true });
    assert.ok((await faults.pass(PUBLISH, work).catch((error) => error)) instanceof LostResponse);
    assert.is(worked, 1);
  });

  test('a stalled call continues when the rule is removed', async () => {
    const faults = new Faults();
    const fault = faults.add({ server: 'pubsub', stall: true });
    assert.ok(faults.silences(PUBLISH));
    let answered = false;
    const call = faults
      .pass(PUBLISH, () => 'late')
      .then((answer) => {
        answered = true;
        return answer;
      });
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.not.ok(answered);
    fault.remove();
    assert.is(await call, 'late');
    assert.not.ok(faults.silences(PUBLISH));
  });

  test('a malformed rule is refused by its fields', () => {
    assert.match(
      refusal({ server: 'pubsub', probability: 2, typo: 1 }),
      /probability: .*\n?.*typo|typo.*\n?.*probability/s,
    );
    assert.match(refusal({ server: 'mqtt' }), 'server');
    assert.match(refusal({ server: 'storage', error: { message: 'x' } }), 'error.code');
    assert.match(refusal({ server: 'storage', times: -1 }), 'times');
  });
});
