import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { suite } from '../testing/suite.ts';
import { ConfigError, type ConfigIssue } from './config-error.ts';
import { parse } from './parse.ts';
import { bytes, count, flag, fraction, messagePath, milliseconds, oneOf, secret, text } from './schemas.ts';

const SCHEMA = v.strictObject({
  routes: v.record(text, v.strictObject({ source: v.strictObject({ topic: text, qos: oneOf([0, 1, 2]) }) })),
  url: v.optional(v.pipe(v.string(), v.regex(/^redis:/, 'expected an address such as redis://host'))),
  password: v.optional(secret),
  maxInFlight: v.optional(count({ max: 100 }), 10),
  flushAfterMs: v.optional(milliseconds()),
  strict: v.optional(flag, false),
  time: v.optional(messagePath),
  level: v.optional(v.picklist(['info', 'warn'])),
  list: v.optional(v.pipe(v.array(text), v.minLength(2))),
  device: v.optional(v.union([v.strictObject({ level: count() }), v.strictObject({ pattern: text })])),
});

const GOOD = { routes: { uplinks: { source: { topic: 'a', qos: 1 } } } };

/** Returns `path: problem` for each issue. */
function problems(value: unknown, root?: string): string[] {
  const issues: ConfigIssue[] = [];
  const result = parse(SCHEMA, value, issues, root);
  assert.is(result === undefined, issues.length > 0, 'either a value or issues');
  return issues.map(({ path, problem }) => `${path}: ${problem}`);
}

suite('parse', ({ test }) => {
  test('returns the value with its defaults', () => {
    assert.equal(parse(SCHEMA, GOOD, []), { ...GOOD, maxInFlight: 10, strict: false });
  });

  test('names the replacement of a renamed or removed setting', () => {
    const renamed = { 'routes.*.topic': 'is now routes.*.source.topic', old: 'is gone; leave it out' };
    for (const [value, expected] of [
      [
        { routes: { uplinks: { ...GOOD.routes.uplinks, topic: 'a' } } },
        'routes.uplinks.topic: there is no such setting: it is now routes.*.source.topic',
      ],
      [{ ...GOOD, old: 1 }, 'old: there is no such setting: it is gone; leave it out'],
      [{ ...GOOD, other: 1 }, 'other: there is no such setting'],
    ] as const) {
      const issues: ConfigIssue[] = [];
      parse(SCHEMA, value, issues, '', renamed);
      assert.equal(
        issues.map(({ path, problem }) => `${path}: ${problem}`),
        [expected],
      );
    }
  });

  test('reads a share as text, as the environment has it', () => {
    const schema = v.strictObject({ ratio: fraction });
    for (const [text, ratio] of [
      ['0', 0],
      ['0.01', 0.01],
      ['.5', 0.5],
      ['1e-3', 0.001],
      ['1.0', 1],
    ]) {
      assert.equal(parse(schema, { ratio: text }, []), { ratio });
    }
    for (const [text, problem] of [
      ['', 'expected a number, got ""'],
      [' ', 'expected a number, got " "'],
      ['0x1', 'expected a number, got "0x1"'],
      ['0,01', 'expected a number, got "0,01"'],
      ['1.5', 'expected at most 1, got 1.5'],
      ['-0.1', 'expected at least 0, got -0.1'],
    ]) {
      const issues: ConfigIssue[] = [];
      parse(schema, { ratio: text }, issues);
      assert.equal(issues, [{ path: 'ratio', problem }]);
    }
  });

  test('describes problems in words, by path', () => {
    const qos = (value: unknown) => ({ routes: { uplinks: { source: { topic: 'a', qos: value } } } });
    for (const [value, expected] of [
      [qos(7), 'routes.uplinks.source.qos: expected 0, 1 or 2, got 7'],
      [qos('7'), 'routes.uplinks.source.qos: expected 0, 1 or 2, got 7'],
      [qos('x'), 'routes.uplinks.source.qos: expected 0, 1 or 2, got "x"'],
      [{ routes: { uplinks: {} } }, 'routes.uplinks.source: is missing'],
      [{ routes: 7 }, 'routes: expected a group of settings, got 7'],
      [{}, 'routes: is missing'],
      [{ ...GOOD, maxInFlight: 0 }, 'maxInFlight: expected at least 1, got 0'],
      [{ ...GOOD, maxInFlight: 101 }, 'maxInFlight: expected at most 100, got 101'],
      [{ ...GOOD, maxInFlight: 1.5 }, 'maxInFlight: expected a whole number, got 1.5'],
      [{ ...GOOD, maxInFlight: 'many' }, 'maxInFlight: expected a number, got "many"'],
      [{ ...GOOD, maxInFlight: null }, 'maxInFlight: expected a number, got null'],
      [{ ...GOOD, strict: 'yes' }, 'strict: expected true or false, got "yes"'],
      [{ ...GOOD, level: 'loud' }, 'level: expected "info" or "warn", got "loud"'],
      [{ ...GOOD, list: 'x' }, 'list: expected a list, got "x"'],
      [{ ...GOOD, list: ['x'] }, 'list: expected at least 2 of them, got a list of 1'],
      [{ ...GOOD, list: ['x', ''] }, 'list.1: expected something that is not empty, got ""'],
      [{ ...GOOD, url: 'http://x' }, 'url: expected an address such as redis://host, got "http://x"'],
      [{ ...GOOD, maxInflight: 1 }, 'maxInflight: there is no such setting; did you mean maxInFlight?'],
    ] as const) {
      assert.equal(problems(value), [expected]);
    }
    assert.match(problems({ ...GOOD, time: 'data.x' })[0] ?? '', /^time: expected a path that begins with payload/);
  });

  test('finds every problem', () => {
    assert.is(
      problems({ routes: { a: { source: { topic: '', qos: 9 } } }, maxInFlight: -1, strict: 1, more: 1 }).length,
      5,
    );
  });

  test('reports problems inside a union', () => {
    const [first] = problems({ ...GOOD, device: { level: 0 } });
    assert.is(first, 'device.level: expected at least 1, got 0');
    const quoted = 'device.pattern: expected a string, got 7: write it in quotes, "7"';
    assert.ok(problems({ ...GOOD, device: { pattern: 7 } }).includes(quoted));
    assert.match(problems({ ...GOOD, device: 7 })[0] ?? '', /^device: expected /);
  });

  test('shows no secrets, and only the beginning of long values', () => {
    assert.equal(problems({ ...GOOD, password: 1234 }), [
      'password: expected a string, got a number: write it in quotes, "…"',
    ]);
    assert.match(problems({ ...GOOD, url: 'http://user:hidden@x' })[0] ?? '', 'got "http://user:***@x"');
    const [long] = problems({ ...GOOD, strict: 'x'.repeat(500) });
    assert.ok((long ?? '').length < 150 && long?.endsWith('...'), long);
  });

  test('prefixes each path with the root', () => {
    assert.equal(problems({ routes: 7 }, 'ingestion'), ['ingestion.routes: expected a group of settings, got 7']);
    assert.equal(problems(7, 'ingestion'), ['ingestion: expected a group of settings, got 7']);
  });

  test('accepts numbers and flags as text, as in the environment', () => {
    const parsed = parse(SCHEMA, { ...GOOD, maxInFlight: '50', strict: 'true', flushAfterMs: '0' }, []);
    assert.equal([parsed?.maxInFlight, parsed?.strict, parsed?.flushAfterMs], [50, true, 0]);
    for (const value of ['', ' 5', '5 ', '0x5', '5e3', 'Infinity', '5.5', '٥']) {
      assert.not(v.is(count(), value), value);
    }
    assert.not(v.is(bytes(), Number.MAX_SAFE_INTEGER + 1));
    assert.not(v.is(milliseconds(), 2 ** 31), 'longer than a timer can wait');
  });
});

suite('ConfigError', ({ test }) => {
  test('lists every problem, one on a line', () => {
    const issues = [
      { path: 'a.b', problem: 'is missing' },
      { path: '', problem: 'cannot be read' },
    ];
    const error = new ConfigError('p.yaml', issues);
    assert.is(error.message, 'p.yaml: 2 problems in the configuration\n  a.b: is missing\n  cannot be read');
    assert.is(error.issues, issues);
    assert.match(new ConfigError('p.yaml', issues.slice(1)).message, '1 problem in');
  });

  test('shows no contents of groups, lists, or text attached to a name', () => {
    const issues: ConfigIssue[] = [];
    const schema = v.strictObject({ url: v.string(), name: v.string(), count: v.number() });
    parse(schema, { url: { password: 'hunter2' }, name: ['hunter2'], count: 'many', 'password:hunter2': null }, issues);
    assert.not.match(JSON.stringify(issues), 'hunter2');
    const told = Object.fromEntries(issues.map(({ path, problem }) => [path, problem]));
    assert.is(told.url, 'expected a string, got a group of settings');
    assert.is(told.name, 'expected a string, got a list of 1');
    assert.is(told.count, 'expected a number, got "many"');
    assert.is(told['password:…'], 'there is no such setting');
  });
});
