import * as assert from 'uvu/assert';
import { eventually } from './eventually.ts';
import { suite } from './suite.ts';

suite('eventually', ({ test }) => {
  const never = () => {
    throw new Error('not yet');
  };

  test("returns the check's result, or throws its last error after the deadline", async () => {
    let checks = 0;
    const third = () => {
      checks += 1;
      return checks === 3 ? checks : never();
    };
    assert.is(await eventually(third, { everyMs: 1 }), 3);
    const message = await eventually(never, { deadlineMs: 5, everyMs: 1 }).catch((error: Error) => error.message);
    assert.is(message, 'not yet');
  });

  test('restarts its deadline only while there is progress', async () => {
    let checks = 0;
    const check = () => {
      checks += 1;
      if (checks < 20) never();
    };
    await eventually(check, { deadlineMs: 1, everyMs: 2, progress: () => checks });
    assert.is(checks, 20);
    checks = 0;
    const message = await eventually(check, { deadlineMs: 1, everyMs: 2, progress: () => Math.min(checks, 3) }).catch(
      (error: Error) => error.message,
    );
    assert.is(message, 'not yet');
    assert.ok(checks < 20, `${checks}`);
  });
});
