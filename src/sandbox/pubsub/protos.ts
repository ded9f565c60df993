import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fromJSON, type MessageTypeDefinition, type ServiceDefinition } from '@grpc/proto-loader';

const path = createRequire(import.meta.url).resolve('@google-cloud/pubsub/build/protos/protos.json');
const json = JSON.parse(readFileSync(path, 'utf8'));
const messages = json.nested.google.nested.pubsub.nested.v1.nested;

// An embedded message is bytes on the wire. Declared as bytes, messages pass from publisher to subscriber without
// decoding and encoding, and attributes checked for limits are not converted to strings.
messages.PublishRequest.fields.messages.type = 'bytes';
messages.ReceivedMessage.fields.message.type = 'bytes';
messages.PubsubMessage.fields.attributes = { rule: 'repeated', type: 'Attribute', id: 2 };
messages.Attribute = { fields: { key: { type: 'bytes', id: 1 }, value: { type: 'bytes', id: 2 } } };

const definitions = fromJSON(json, { longs: Number, enums: String, defaults: true });

/** google.pubsub.v1.PubsubMessage, in both directions, for fields that are read or added. */
export interface PubsubMessage {
  readonly data: Buffer;
  readonly attributes: readonly { readonly key: Buffer; readonly value: Buffer }[];
  readonly messageId: string;
  readonly publishTime: { readonly seconds: number; readonly nanos: number };
  readonly orderingKey: string;
}

const isCodec = (definition: unknown): definition is MessageTypeDefinition<Partial<PubsubMessage>, PubsubMessage> =>
  typeof definition === 'object' && definition !== null && 'serialize' in definition;
const codec: unknown = definitions['google.pubsub.v1.PubsubMessage'];
if (!isCodec(codec)) throw new Error(`${path} has no PubsubMessage`);
export const { serialize, deserialize } = codec;

/** Requests whose fields are all scalars or lists; unset ones have their defaults. */
export type Decoded<T> = { readonly [Field in keyof T]-?: NonNullable<T[Field]> };

/** The part of google/iam/v1/iam_policy.proto that the sandbox has. */
const IAM: Parameters<typeof fromJSON>[0] = {
  nested: {
    'google.iam.v1': {
      nested: {
        IAMPolicy: {
          methods: {
            TestIamPermissions: {
              requestType: 'TestIamPermissionsRequest',
              responseType: 'TestIamPermissionsResponse',
              comment: '',
            },
          },
        },
        TestIamPermissionsRequest: {
          fields: { resource: { type: 'string', id: 1 }, permissions: { rule: 'repeated', type: 'string', id: 2 } },
        },
        TestIamPermissionsResponse: { fields: { permissions: { rule: 'repeated', type: 'string', id: 1 } } },
      },
    },
  },
};

/** google.iam.v1.IAMPolicy, by which the official client calls for the permissions on a topic or a subscription. */
export function iamService(): ServiceDefinition {
  const definition = fromJSON(IAM)['google.iam.v1.IAMPolicy'];
  if (definition === undefined || 'format' in definition) throw new Error('there is no service IAMPolicy');
  return definition;
}

/** Loads a service of google.pubsub.v1 as the official client defines it, except for the changes above. */
export function service(name: 'Publisher' | 'Subscriber'): ServiceDefinition {
  const definition = definitions[`google.pubsub.v1.${name}`];
  if (definition === undefined || 'format' in definition) throw new Error(`${path} has no service ${name}`);
  return definition;
}
