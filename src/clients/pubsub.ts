import { PubSub, v1 } from '@google-cloud/pubsub';
import * as v from 'valibot';
import { text } from '../config/schemas.ts';

/** How to reach Google Cloud: Application Default Credentials, unless a key file is named. */
export const googleSchema = v.strictObject({
  projectId: text,
  /** Path of a service account's key file. Default: Application Default Credentials. */
  keyFilename: v.optional(text),
});

export type GoogleConfig = v.InferOutput<typeof googleSchema>;

/** The generated clients of Pub/Sub: the calls as they are, without the high-level client's queues and timers. */
export interface PubSubClients {
  readonly publisher: v1.PublisherClient;
  readonly subscriber: v1.SubscriberClient;
  close(): Promise<void>;
}

/** Builds the clients; `PUBSUB_EMULATOR_HOST` is honoured as by the high-level client, whose options these are. */
export async function createPubSubClients(google: GoogleConfig): Promise<PubSubClients> {
  const options = await new PubSub({
    projectId: google.projectId,
    ...(google.keyFilename === undefined ? {} : { keyFilename: google.keyFilename }),
  }).getClientConfig();
  const { projectId, servicePath, port, sslCreds, keyFilename } = options;
  const shared = {
    ...(projectId === undefined ? {} : { projectId }),
    ...(keyFilename === undefined ? {} : { keyFilename }),
    ...(servicePath === undefined ? {} : { servicePath }),
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(sslCreds === undefined ? {} : { sslCreds }),
  };
  const publisher = new v1.PublisherClient(shared);
  const subscriber = new v1.SubscriberClient(shared);
  return {
    publisher,
    subscriber,
    async close() {
      await Promise.all([publisher.close(), subscriber.close()]);
    },
  };
}
