import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { suite } from '../testing/suite.ts';
import { byName } from './by-name.ts';
import type { ConfigIssue } from './config-error.ts';
import { interpolate } from './interpolate.ts';
import { applyOverrides } from './overrides.ts';
import { parse } from './parse.ts';
import { childrenOf, maskSecrets } from './schema-walk.ts';
import { secret, text } from './schemas.ts';

const NAMES = ['constructor', 'plain', '__proto__', 'prototype', 'toString'];
const SCHEMA = v.strictObject({ routes: byName(v.strictObject({ topic: text, password: v.optional(secret) })) });

/** A group with a member of each name; assigning to `__proto__` would not add one. */
const group = (member: (name: string) => unknown) => Object.fromEntries(NAMES.map((name) => [name, member(name)]));

suite('settings by name', ({ test }) => {
  test('keep every name, in order', () => {
    const routes = group((name) => ({ topic: name }));
    assert.is(JSON.stringify(parse(SCHEMA, { routes }, [])), JSON.stringify({ routes }));
    assert.is(JSON.stringify(parse(SCHEMA, { routes: { a: { topic: 'x' } } }, [])), '{"routes":{"a":{"topic":"x"}}}');
  });

  test('name the group in problems below it', () => {
    const issues: ConfigIssue[] = [];
    assert.is(parse(SCHEMA, { routes: group(() => ({ topic: '' })) }, issues), undefined);
    assert.equal(
      issues.map(({ path }) => path),
      NAMES.map((name) => `routes.${name}.topic`),
    );
    for (const routes of [7, 'x', null]) {
      const found: ConfigIssue[] = [];
      parse(SCHEMA, { routes }, found);
      assert.is(found[0]?.path, 'routes', JSON.stringify(routes));
    }
    const empty: ConfigIssue[] = [];
    parse(SCHEMA, { routes: { '': { topic: 'x' }, prototype: { topic: 'y' } } }, empty);
    assert.is(empty.length, 1);
  });

  test('pass through the environment, overrides and masks', () => {
    const issues: ConfigIssue[] = [];
    const placeholder = `\${TOPIC}`;
    const routes = group(() => ({ topic: placeholder, password: 'hidden' }));
    const interpolated = interpolate({ routes }, { TOPIC: 'a' }, issues);
    const env = { DATAFLOW_ROUTES__CONSTRUCTOR__TOPIC: 'b', DATAFLOW_ROUTES__PROTOTYPE__TOPIC: 'c' };
    const config = parse(SCHEMA, applyOverrides(interpolated, SCHEMA, env, issues), issues);
    assert.equal(issues, []);
    assert.equal(
      Object.entries(config?.routes ?? {}).map(([name, { topic }]) => `${name} ${topic}`),
      ['constructor b', 'plain a', '__proto__ a', 'prototype c', 'toString a'],
    );
    assert.not.match(JSON.stringify(maskSecrets(SCHEMA, config)), 'hidden');
    assert.is(childrenOf(SCHEMA.entries.routes).kind, 'record');
  });
});
