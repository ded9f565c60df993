import fc from 'fast-check';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { compilePath, MessageView } from '../../core/message-path.ts';
import { enrichSchema } from '../../services/enrich/config.ts';
import { icestoreSchema } from '../../services/icestore/config.ts';
import { suite } from '../../testing/suite.ts';
import { testMessage } from '../../testing/test-context.ts';
import { checkLimits } from '../pubsub/limits.ts';
import { isReservedName, propertyAttributes } from './received-message.ts';
import type { UserProperty } from './wire/publish-properties.ts';

const ROUTE = { mqtt_topic: 't'.repeat(1_024), mqtt_retained: 'true', route_name: 'r'.repeat(1_024) };

/** Returns all strings in a configuration, at any depth. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

suite('attributes of MQTT 5 properties', ({ test }) => {
  const names = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.constantFrom('a', 'b', '__proto__', 'constructor', 'goog', 'mqtt_topic', 'route_name', ''),
  );
  const values = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({ unit: 'binary', maxLength: 1_100 }),
  );

  test('fit into a Pub/Sub message with those of its route; every omission is counted', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(names, values), { maxLength: 200 }),
        fc.record({ contentType: values, responseTopic: values }, { requiredKeys: [] }),
        fc.option(fc.uint8Array({ maxLength: 1_000 })),
        (userProperties, texts, correlation) => {
          const { attributes, leftOut } = propertyAttributes({
            ...{ userProperties, ...texts },
            ...(correlation === null ? {} : { correlationData: Buffer.from(correlation) }),
          });
          checkLimits({ data: Buffer.from('x'), attributes: { ...attributes, ...ROUTE }, orderingKey: '' });
          for (const name of Object.keys(ROUTE)) assert.not(Object.hasOwn(attributes, name), name);
          const given = userProperties.length + Object.keys(texts).length + Number(correlation !== null);
          const named = new Set(userProperties.map(([name]) => name)).size + given - userProperties.length;
          assert.ok(Object.keys(attributes).length <= named);
          assert.ok(leftOut <= given - Object.keys(attributes).length);
          if (leftOut > 0 || named !== given) return;
          assert.is(Object.keys(attributes).length, given);
          for (const [name, value] of userProperties) {
            const key = isReservedName(name) ? `mqtt_user_${name}` : name;
            assert.is(Object.getOwnPropertyDescriptor(attributes, key)?.value, value);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test('omit the last user properties if there are too many', () => {
    const userProperties = Array.from({ length: 120 }, (_, index): UserProperty => [`p${index}`, String(index)]);
    const all = { contentType: 'text/plain', responseTopic: 'a/b', correlationData: Buffer.from('x'), userProperties };
    const { attributes, leftOut } = propertyAttributes(all);
    assert.equal([Object.keys(attributes).length, leftOut], [97, 26]);
    assert.equal([attributes.mqtt_correlation_data, attributes.p93, attributes.p94], ['eA==', '93', undefined]);
  });

  test('a device cannot set attributes that services read by default', () => {
    const google = { projectId: 'p' };
    const deadLetters = { topicId: 'd' };
    const source = { subscriptionId: 's' };
    const configs = [
      v.parse(enrichSchema, {
        ...{ service: 'enrich', google, source, deadLetters, output: { topicId: 'o' } },
        lookup: { firestore: { collection: 'devices' } },
      }),
      v.parse(icestoreSchema, { ...{ service: 'icestore', google, source, deadLetters }, bucket: { name: 'b' } }),
    ];
    const read = configs
      .flatMap(textsOf)
      .filter((text) => text.startsWith('attributes.'))
      .map((text) => text.slice('attributes.'.length));
    assert.equal(read.sort(), ['location', 'uid']);
    for (const name of read) {
      const { attributes } = propertyAttributes({ userProperties: [[name, 'forged']] });
      const view = new MessageView(testMessage({ attributes }));
      assert.is(compilePath(`attributes.${name}`)?.(view), undefined);
    }
  });

  test('prefixes of the platform and of Pub/Sub are reserved, in any case', () => {
    const reserved = [
      'mqtt_x',
      'MQTT_topic',
      'mqtt_user_a',
      'dlq_reason',
      'goog',
      'Google',
      'CloudPubSubDeadLetterSourceTopic',
    ];
    for (const name of [...reserved, '', 'uid', 'location', 'route_name']) assert.ok(isReservedName(name), name);
    for (const name of ['id', 'type', 'mqtt', 'goo', 'locations', 'Uid', 'ce-id'])
      assert.not(isReservedName(name), name);
  });
});
