import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import type { ConfigIssue } from './config-error.ts';
import { interpolate } from './interpolate.ts';

const ENV = { HOST: 'broker', PORT: '1883', EMPTY: '', FLAG: 'true', DIGITS: '007', NESTED: '$' + '{HOST}' };

/** Written without the dollar sign, so that it does not look like a template. */
const shell = (text: string) => text.replaceAll('@{', '$' + '{');

function interpolated(value: unknown): { value: unknown; issues: ConfigIssue[] } {
  const issues: ConfigIssue[] = [];
  return { value: interpolate(value, ENV, issues), issues };
}

suite('interpolate', ({ test }) => {
  test('replaces variables anywhere in a string', () => {
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

  test('uses the default for a missing variable, but not for an empty one', () => {
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

  test('a default may contain placeholders: the first set variable is used', () => {
    for (const [before, after] of [
      ['@{MISSING:@{HOST:x}}', 'broker'],
      ['@{HOST:@{MISSING}}', 'broker'],
      ['@{MISSING:@{GONE:8080}}', '8080'],
      ['@{MISSING:@{EMPTY:8080}}', ''],
      ['a/@{MISSING:@{GONE:sites}/+/x}/b', 'a/sites/+/x/b'],
      ['@{MISSING:@{HOST}:@{PORT}}/@{PORT}', 'broker:1883/1883'],
      ['@{MISSING:@{GONE:@{ABSENT:@{HOST}}}}', 'broker'],
      ['@{MISSING:@{NESTED}}', '@{HOST}'],
    ] as const) {
      assert.equal(interpolated(shell(before)), { value: shell(after), issues: [] }, before);
    }
    const { issues } = interpolated({ a: shell('@{MISSING:@{GONE:@{ABSENT}}} @{GONE:-@{LOST}}') });
    assert.equal(
      issues.map(({ path, problem }) => `${path}: ${problem}`),
      [
        'a: none of the environment variables MISSING, GONE and ABSENT is set, and there is no default',
        'a: none of the environment variables GONE and LOST is set, and there is no default',
      ],
    );
  });

  test('a default may contain paired braces; an unpaired one is an issue that shows no value', () => {
    for (const [before, after] of [
      ['@{MISSING:sites/{location}/@{PORT}/{DeviceID}}/x', 'sites/{location}/1883/{DeviceID}/x'],
      ['@{MISSING:@{1A}}', '@{1A}'],
      ['@{HOST:{}}', 'broker'],
      ['{@{HOST}}', '{broker}'],
      ['}{@{HOST}', '}{broker'],
    ] as const) {
      assert.equal(interpolated(shell(before)), { value: shell(after), issues: [] }, before);
    }
    for (const text of ['@{MISSING:{hidden}', '@{MISSING:@{HOST:hidden}', '@{HOST}@{MISSING:hidden{}']) {
      assert.equal(interpolated({ a: shell(text) }).issues, [
        {
          path: 'a',
          problem: shell('@{MISSING: is not closed: each "{" in a default needs a "}", and so does the placeholder'),
        },
      ]);
    }
  });

  test('a setting with the default ~ is omitted if the variable is missing or empty', () => {
    const before = {
      a: '@{MISSING:~}',
      b: '@{EMPTY:~}',
      c: '@{HOST:~}',
      d: '@{MISSING:@{EMPTY:~}}',
      e: '@{EMPTY:@{HOST:~}}',
      f: 'x@{MISSING:~}',
      g: ['@{MISSING:~}', '@{PORT:~}', null],
      h: '@{MISSING:~x}',
    };
    const value = JSON.parse(shell(JSON.stringify(before)));
    assert.equal(interpolated(value), {
      value: { c: 'broker', e: 'broker', f: 'x~', g: ['1883', null], h: '~x' },
      issues: [],
    });
  });

  test('reports every missing variable without a default, by path', () => {
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

  test('descends into lists and groups, and keeps names and other values', () => {
    const value = { [shell('@{HOST}')]: [1, true, null, shell('@{HOST}')], other: undefined };
    assert.equal(interpolated(value).value, { [shell('@{HOST}')]: [1, true, null, 'broker'], other: undefined });
  });

  test('does not interpolate the value of a variable', () => {
    assert.is(interpolated(shell('@{NESTED}')).value, shell('@{HOST}'));
  });

  test('keeps text that is not a placeholder', () => {
    const open = shell('@{HOST:').repeat(20_000);
    const started = performance.now();
    assert.is(interpolated(open).value, open);
    const deep = `${open}x${'}'.repeat(20_000)}`;
    assert.is(interpolated(deep).value, 'broker');
    assert.is(interpolated(deep.replaceAll('HOST', 'MISSING')).value, 'x');
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
