import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { suite } from '../testing/suite.ts';
import type { ConfigIssue } from './config-error.ts';
import { applyOverrides } from './overrides.ts';
import { parse } from './parse.ts';
import { count, flag, secret, text } from './schemas.ts';

const SCHEMA = v.strictObject({
  source: v.optional(v.strictObject({ maxInFlight: v.optional(count(), 10), strict: v.optional(flag, false) }), {}),
  password: v.optional(secret),
  routes: v.optional(v.record(text, v.strictObject({ topic: text })), {}),
  either: v.optional(v.union([v.strictObject({ level: count() }), v.strictObject({ pattern: text })])),
  order: v.optional(v.union([text, v.strictObject({ path: text })])),
});

function overridden(env: Record<string, string>, value: unknown = {}): { value: unknown; issues: ConfigIssue[] } {
  const issues: ConfigIssue[] = [];
  return { value: applyOverrides(value, SCHEMA, env, issues), issues };
}

suite('overrides', ({ test }) => {
  test('set a value by its path; case and single underscores do not matter', () => {
    for (const name of ['SOURCE__MAX_IN_FLIGHT', 'SOURCE__MAXINFLIGHT', 'source__maxInFlight']) {
      assert.equal(overridden({ [`DATAFLOW_${name}`]: '7' }), { value: { source: { maxInFlight: '7' } }, issues: [] });
    }
  });

  test('ignore the dataflow name of Go platform deployments', () => {
    assert.equal(overridden({ DATAFLOW_NAME: 'plant-7' }), { value: {}, issues: [] });
    assert.match(overridden({ DATAFLOW_NAMES: 'plant-7' }).issues[0]?.problem ?? '', 'does not name a setting');
  });

  test('keep other settings, and do not modify their input', () => {
    const before = { source: { maxInFlight: 1, strict: true }, password: 'p' };
    const { value } = overridden({ DATAFLOW_SOURCE__MAX_IN_FLIGHT: '2' }, before);
    assert.equal(value, { source: { maxInFlight: '2', strict: true }, password: 'p' });
    assert.is(before.source.maxInFlight, 1);
  });

  test('are parsed by the schema: numbers, flags, and a password of digits', () => {
    const { value } = overridden({
      DATAFLOW_SOURCE__MAX_IN_FLIGHT: '500',
      DATAFLOW_SOURCE__STRICT: 'true',
      DATAFLOW_PASSWORD: '0123',
    });
    const issues: ConfigIssue[] = [];
    assert.equal(parse(SCHEMA, value, issues), {
      source: { maxInFlight: 500, strict: true },
      password: '0123',
      routes: {},
    });
    assert.equal(issues, []);
  });

  test('match names of a record as written, and add new ones in lower case', () => {
    const routes = { upLinks: { topic: 'a' } };
    assert.equal(overridden({ DATAFLOW_ROUTES__UP_LINKS__TOPIC: 'b' }, { routes }).value, {
      routes: { upLinks: { topic: 'b' } },
    });
    assert.equal(overridden({ DATAFLOW_ROUTES__NEW__TOPIC: 'b' }).value, { routes: { new: { topic: 'b' } } });
  });

  test('reach into every branch of a union', () => {
    assert.equal(overridden({ DATAFLOW_EITHER__LEVEL: '2' }).value, { either: { level: '2' } });
    assert.equal(overridden({ DATAFLOW_EITHER__PATTERN: 'x' }).value, { either: { pattern: 'x' } });
    assert.equal(overridden({ DATAFLOW_ORDER: 'x' }, { order: { path: 'y' } }).value, { order: 'x' });
    assert.equal(overridden({ DATAFLOW_ORDER__PATH: 'x' }, { order: 'y' }).value, { order: { path: 'x' } });
  });

  test('are issues if they name no setting: misspelled, too deep, not deep enough', () => {
    for (const [name, meant] of [
      ['SOURCE__MAX_INFLIGTH', 'DATAFLOW_SOURCE__MAX_IN_FLIGHT'],
      ['SUORCE__STRICT', 'DATAFLOW_SOURCE__STRICT'],
      ['SOURCE', undefined],
      ['SOURCE__MAX_IN_FLIGHT__MORE', undefined],
      ['ROUTES', undefined],
      ['ROUTES__NEW', undefined],
      ['', undefined],
      ['SOURCE__', undefined],
    ] as const) {
      const { value, issues } = overridden({ [`DATAFLOW_${name}`]: '1' });
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
      assert.equal(
        issues,
        [{ path: `DATAFLOW_${name}`, problem: `this override does not name a setting${hint}` }],
        name,
      );
      assert.equal(value, {});
    }
  });

  test('name the replacement of a renamed setting', () => {
    const issues: ConfigIssue[] = [];
    const renamed = { 'source.leaseMs': 'is now source.ackDeadlineMs' };
    applyOverrides({}, v.strictObject({}), { DATAFLOW_SOURCE__LEASE_MS: '1' }, issues, renamed);
    assert.equal(issues, [
      {
        path: 'DATAFLOW_SOURCE__LEASE_MS',
        problem: 'this override does not name a setting: it is now source.ackDeadlineMs',
      },
    ]);
  });

  test('exclude other variables', () => {
    assert.equal(overridden({ SOURCE__STRICT: 'true', XDATAFLOW_PASSWORD: 'x' }), { value: {}, issues: [] });
  });

  test('never reach a prototype', () => {
    const env = { DATAFLOW___PROTO____POLLUTED: '1', DATAFLOW_CONSTRUCTOR__PROTOTYPE__POLLUTED: '1' };
    assert.is(overridden(env).issues.length, 2);
    assert.is(Reflect.get({}, 'polluted'), undefined);
  });
});
