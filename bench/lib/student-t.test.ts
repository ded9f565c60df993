import * as assert from 'uvu/assert';
import { suite } from '../../src/testing/suite.ts';
import { studentT95 } from './student-t.ts';

/** P(|T| ≤ t), exactly: Abramowitz and Stegun, 26.7.3 and 26.7.4. */
function within(t: number, degrees: number): number {
  const angle = Math.atan(t / Math.sqrt(degrees));
  const isOdd = degrees % 2 === 1;
  let term = isOdd ? Math.cos(angle) : 1;
  let sum = 0;
  for (let power = isOdd ? 1 : 0; power <= degrees - 2; power += 2) {
    sum += term;
    term *= (Math.cos(angle) ** 2 * (power + 1)) / (power + 2);
  }
  return isOdd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
}

suite("Student's t", ({ test }) => {
  test('leaves 5 % outside, within the table and beyond it', () => {
    for (const degrees of [...Array(60).keys(), 99, 500].map((index) => index + 1)) {
      const share = within(studentT95(degrees), degrees);
      assert.ok(Math.abs(share - 0.95) < 1e-4, `${degrees} degrees: ${share}`);
    }
  });

  test('is infinite without a degree of freedom', () => {
    assert.is(studentT95(0), Number.POSITIVE_INFINITY);
  });
});
