import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { testContext, testDelivery } from '../testing/test-context.ts';
import { accepted, failed } from './delivery.ts';
import { errorCode, FatalError, PoisonError, RetryableError, toError } from './errors.ts';

suite('errors', ({ test }) => {
  test('carry a name and a cause', () => {
    const cause = new Error('below');
    for (const error of [
      new RetryableError('m', { cause }),
      new PoisonError('too_large', 'm', { cause }),
      new FatalError('m', { cause }),
    ]) {
      assert.instance(error, Error);
      assert.is(error.name, error.constructor.name);
      assert.is(error.cause, cause);
      assert.is(error.message, 'm');
    }
    assert.is(new PoisonError('too_large', 'm').reason, 'too_large');
  });

  test('any thrown value becomes an Error', () => {
    const error = new TypeError('x');
    assert.is(toError(error), error);
    for (const [thrown, message] of [
      ['text', 'text'],
      [undefined, 'undefined'],
      [null, 'null'],
      [7, '7'],
    ]) {
      assert.instance(toError(thrown), Error);
      assert.is(toError(thrown).message, message);
    }
  });

  test('have a code that is a string, a number or undefined', () => {
    assert.is(errorCode({ code: 14 }), 14);
    assert.is(errorCode(Object.assign(new Error('x'), { code: 'ECONNRESET' })), 'ECONNRESET');
    for (const thrown of [undefined, null, 'code', 7, {}, { code: null }, { code: {} }, new Error('x')]) {
      assert.is(errorCode(thrown), undefined);
    }
  });
});

suite('outcome', ({ test }) => {
  test('poison goes to dead-letter, every other error back', () => {
    const delivery = testDelivery(testContext());
    const poison = new PoisonError('rejected', 'no');
    assert.equal(accepted(delivery), { verdict: 'ack', delivery });
    assert.equal(failed(delivery, poison), { verdict: 'deadLetter', delivery, poison });
    for (const thrown of [new RetryableError('later'), new Error('bug'), new FatalError('end')]) {
      assert.equal(failed(delivery, thrown), { verdict: 'nack', delivery, error: thrown });
    }
    const outcome = failed(delivery, 'text');
    assert.is(outcome.verdict === 'nack' && outcome.error.message, 'text');
  });
});
