import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import type { ConfigIssue } from './config-error.ts';
import { interpolate } from './interpolate.ts';

const ENV = { HOST: 'broker', PORT: '1883', EMPTY: '', FLAG: 'true', DIGITS: '007', NESTED: '$' + '{HOST}' };

/** Written without the dollar sign, so that nobody takes it for a template. */
const shell = (text: string) => text.replaceAll('@{', '$' + '{');

function interpolated(value: unknown): { value: unknown; issues: ConfigIssue[] } {
  const issues: ConfigIssue[] = [];
  return { value: interpolate(value, ENV, issues), issues };
}

suite('interpolate', ({ test }) => {
  test('puts variables into texts, wherever they stand', () => {
    for (const [before, after] of [
      ['@{HOST}', 'broker'],
      ['mqtt://@{HOST}:@{PORT}/x', 'mqtt://broker:1883/x'],
      ['@{PORT}', '1883'],
      ['@{FLAG}', 'true'],
      ['@{DIGITS}', '007'],
    ] as const) {
      assert.equal(interpolated(shell(before)), { value: after, issues: [] }, before);
    }
  });

  test('takes the default where a variable is missing, and the variable where it is empty', () => {
    for (const [before, after] of [
      ['@{MISSING:fallback}', 'fallback'],
      ['@{MISSING:}', ''],
      ['@{HOST:fallback}', 'broker'],
      ['@{EMPTY:fallback}', ''],
      ['@{MISSING:redis://127.0.0.1:6379}', 'redis://127.0.0.1:6379'],
    ] as const) {
      assert.equal(interpolated(shell(before)), { value: after, issues: [] }, before);
    }
  });

  test('a variable that is missing and has no default is an issue, by path; all are found', () => {
    const { issues } = interpolated({ a: { b: [shell('@{ONE}'), 'x', shell('@{TWO} @{THREE}')] } });
    assert.equal(
      issues.map(({ path }) => path),
      ['a.b.0', 'a.b.2', 'a.b.2'],
    );
    assert.equal(
      issues.map(({ problem }) => /variable (\w+) is not set/.exec(problem)?.[1]),
      ['ONE', 'TWO', 'THREE'],
    );
  });

  test('goes into lists and groups, and leaves names and other values alone', () => {
    const value = { [shell('@{HOST}')]: [1, true, null, shell('@{HOST}')], other: undefined };
    assert.equal(interpolated(value).value, { [shell('@{HOST}')]: [1, true, null, 'broker'], other: undefined });
  });

  test('what a variable holds is not read again', () => {
    assert.is(interpolated(shell('@{NESTED}')).value, shell('@{HOST}'));
  });

  test('what is no placeholder stays', () => {
    const open = shell('@{HOST:').repeat(20_000);
    const started = performance.now();
    assert.is(interpolated(open).value, open);
    assert.ok(performance.now() - started < 3_000, 'in time linear in the text');
    for (const text of ['$HOST', shell('@{}'), shell('@{1A}'), shell('@{HOST'), '{HOST}', shell('@{HO ST}')]) {
      assert.is(interpolated(text).value, text);
    }
    fc.assert(
      fc.property(
        fc.jsonValue().filter((value) => !JSON.stringify(value).includes('${')),
        (value) => assert.equal(interpolated(value).value, value),
      ),
    );
  });
});
