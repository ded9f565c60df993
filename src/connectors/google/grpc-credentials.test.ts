import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { v1 } from '@google-cloud/pubsub-api';
import { Channel, type ChannelCredentials, type ChannelOptions, credentials } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { FatalError } from '../../core/errors.ts';
import { suite } from '../../testing/suite.ts';
import { withTemporaryFolder } from '../../testing/temporary-folder.ts';
import { grpcCredentials } from './grpc-credentials.ts';

const HOST = 'pubsub.googleapis.com';
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const KEY = {
  type: 'service_account',
  project_id: 'p',
  private_key_id: 'id',
  private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  client_email: 'a@p.iam.gserviceaccount.com',
};

/** Returns the headers that a call carries. */
async function headersOf(channel: ChannelCredentials): Promise<Record<string, unknown>> {
  const connector = channel._createSecureConnector({ scheme: 'dns', path: `${HOST}:443` }, {});
  const call = connector.getCallCredentials() ?? credentials.createEmpty();
  const options = { method_name: 'GetTopic', service_url: `https://${HOST}/google.pubsub.v1.Publisher` };
  const headers = (await call.generateMetadata(options)).getMap();
  connector.destroy();
  return headers;
}

/** Returns the credentials that the generated client opens its channel with. */
async function generatedCredentials(keyFilename: string): Promise<ChannelCredentials> {
  let captured: ChannelCredentials | undefined;
  const client = new v1.PublisherClient({
    projectId: 'p',
    keyFilename,
    'grpc.channelFactoryOverride': (address: string, channel: ChannelCredentials, options: ChannelOptions) => {
      captured = channel;
      return new Channel(address, channel, options);
    },
  });
  await client.initialize();
  await client.close();
  if (captured === undefined) throw new Error('the client opened no channel');
  return captured;
}

/** Decodes the claims of a token that was signed here. */
function claimsOf({ authorization }: Record<string, unknown>): unknown {
  const [, claims = ''] = String(authorization)
    .replace(/^Bearer /, '')
    .split('.');
  const { iat: _, exp: __, ...others } = JSON.parse(Buffer.from(claims, 'base64url').toString());
  return others;
}

suite('credentials of gRPC channels', ({ test }) => {
  test('sign the tokens of a service account here, as the generated client does', () =>
    withTemporaryFolder(async (folder) => {
      const keyFilename = join(folder, 'key.json');
      writeFileSync(keyFilename, JSON.stringify(KEY));
      const ours = await grpcCredentials({ projectId: 'p', keyFilename }, HOST);
      assert.ok(ours._isSecure());
      const claims = claimsOf(await headersOf(ours));
      assert.equal(claims, { iss: KEY.client_email, sub: KEY.client_email, aud: `https://${HOST}/` });
      assert.equal(claims, claimsOf(await headersOf(await generatedCredentials(keyFilename))));
    }));

  test('of another universe are fatal', () =>
    withTemporaryFolder(async (folder) => {
      const keyFilename = join(folder, 'key.json');
      writeFileSync(keyFilename, JSON.stringify({ ...KEY, universe_domain: 'example.com' }));
      const thrown = await grpcCredentials({ projectId: 'p', keyFilename }, HOST).catch((error: unknown) => error);
      assert.instance(thrown, FatalError);
      assert.match(String(thrown), 'they are for the universe example.com, not googleapis.com');
    }));
});
