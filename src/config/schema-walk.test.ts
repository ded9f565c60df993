import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { suite } from '../testing/suite.ts';
import { childrenOf, isSecret, maskSecrets } from './schema-walk.ts';
import { count, secret, setting, text } from './schemas.ts';

const INNER = v.strictObject({ password: v.optional(secret), name: text });

const SCHEMA = v.pipe(
  v.strictObject({
    mqtt: INNER,
    optional: v.optional(INNER),
    byName: v.record(text, INNER),
    lazy: v.lazy(() => INNER),
    key: v.nullish(secret),
    url: text,
    hosts: v.array(text),
    either: v.union([v.strictObject({ level: count() }), v.strictObject({ token: secret })]),
  }),
  v.check(() => true),
);

suite('schema walk', ({ test }) => {
  test('finds entries, records and leaves inside any wrapper', () => {
    assert.is(childrenOf(SCHEMA).kind, 'entries');
    for (const schema of [INNER, v.optional(INNER), v.nullish(INNER, { name: 'x' }), v.lazy(() => INNER)]) {
      const children = childrenOf(schema);
      assert.equal(children.kind === 'entries' && Object.keys(children.entries), ['password', 'name']);
    }
    const record = childrenOf(v.optional(v.record(text, INNER)));
    assert.is(record.kind === 'record' && record.value, INNER);
    for (const schema of [text, count(), v.array(text), undefined, 7, {}]) assert.is(childrenOf(schema).kind, 'leaf');
  });

  test('finds the same below a description', () => {
    assert.ok(isSecret(setting(secret, 'Described.')));
    assert.ok(isSecret(v.optional(setting(v.optional(secret), 'Described.'))));
    assert.not(isSecret(setting(text, 'Described.')));
    const children = childrenOf(setting(v.optional(INNER), 'Described.'));
    assert.equal(children.kind === 'entries' && Object.keys(children.entries), ['password', 'name']);
    const parsed = v.parse(v.strictObject({ a: setting(v.optional(count(), 7), 'Described.') }), {});
    assert.equal(parsed, { a: 7 });
  });

  test('a union has the entries of all its branches', () => {
    const children = childrenOf(v.union([v.strictObject({ a: text }), v.strictObject({ b: text }), v.string()]));
    assert.equal(children.kind === 'entries' && Object.keys(children.entries), ['a', 'b']);
    assert.is(childrenOf(v.picklist(['a', 'b'])).kind, 'leaf');
  });

  test('recognizes a secret, wrapped or not', () => {
    for (const schema of [secret, v.optional(secret), v.nullish(v.optional(secret))]) assert.ok(isSecret(schema));
    for (const schema of [text, INNER, v.pipe(v.string(), v.metadata({ secret: false })), undefined]) {
      assert.not(isSecret(schema));
    }
  });
});

suite('mask secrets', ({ test }) => {
  test("masks the schema's secrets, and nothing else", () => {
    const inner = { password: 'hidden', name: 'shown' };
    const masked = { password: '***', name: 'shown' };
    assert.equal(
      maskSecrets(SCHEMA, {
        mqtt: inner,
        optional: inner,
        byName: { a: inner, b: { name: 'shown' } },
        lazy: inner,
        key: 'hidden',
        url: 'shown',
        hosts: ['shown'],
        either: { token: 'hidden' },
      }),
      {
        mqtt: masked,
        optional: masked,
        byName: { a: masked, b: { name: 'shown' } },
        lazy: masked,
        key: '***',
        url: 'shown',
        hosts: ['shown'],
        either: { token: '***' },
      },
    );
  });

  test('a secret that is not set stays unset', () => {
    assert.equal(maskSecrets(SCHEMA, { mqtt: { name: 'x', password: undefined } }), {
      mqtt: { name: 'x', password: undefined },
    });
  });

  test('masks passwords in addresses, also in lists', () => {
    for (const [before, after] of [
      ['redis://user:hidden@host:6379/0', 'redis://user:***@host:6379/0'],
      ['redis://:hidden@host', 'redis://:***@host'],
      ['mqtts://user:p%40ss@host:8883', 'mqtts://user:***@host:8883'],
      ['redis://user@host', 'redis://user@host'],
      ['redis://host:6379', 'redis://host:6379'],
      ['mqtt://host:1883/a:b@c', 'mqtt://host:1883/a:b@c'],
      ['no address: a@b', 'no address: a@b'],
    ]) {
      assert.equal(maskSecrets(SCHEMA, { url: before, hosts: [before] }), { url: after, hosts: [after] });
    }
  });

  test('a password with an @ in it is masked to its end', () => {
    assert.is(maskSecrets(text, 'redis://user:hid@den@host'), 'redis://user:***@host');
  });
});
