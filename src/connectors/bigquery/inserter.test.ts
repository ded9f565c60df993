import * as assert from 'uvu/assert';
import { PoisonError, RetryableError } from '../../core/errors.ts';
import { suite } from '../../testing/suite.ts';
import { asInsertError } from './inserter.ts';

const refusal = (code: number, message: string) => Object.assign(new Error(message), { code });

suite('refused insert requests', ({ test }) => {
  test('blame a row that is too large or unreadable', () => {
    for (const [code, message, reason] of [
      [413, 'Request Entity Too Large', 'too_large'],
      [413, 'Your client issued a request that was too large.', 'too_large'],
      [400, 'Request payload size exceeds the limit: 10485760 bytes.', 'too_large'],
      [400, 'Row size is larger than: 10485760.', 'too_large'],
      [400, 'Invalid JSON payload received. Message too deep. Max recursion depth reached.', 'rejected'],
    ] as const) {
      const error = asInsertError(refusal(code, message), 'd.t');
      assert.ok(error instanceof PoisonError, message);
      assert.is(error.reason, reason);
    }
  });

  test('otherwise blame the table, the request or the service', () => {
    for (const [code, message] of [
      [400, 'The destination table p:d.t is of type VIEW: cannot add rows to a table of that type.'],
      [400, 'The destination table has no schema.'],
      [400, `Invalid JSON payload received. Unknown name "x" at 'rows[0]': Cannot find field.`],
      [400, 'No rows present in the request.'],
      [403, 'Access Denied'],
      [404, 'Not found: Table p:d.t'],
      [429, 'rate limit'],
      [503, 'unavailable'],
    ] as const) {
      assert.ok(asInsertError(refusal(code, message), 'd.t') instanceof RetryableError, message);
    }
  });
});
