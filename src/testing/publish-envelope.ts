import type { PubSub } from '@google-cloud/pubsub';

/** An envelope as published by the services, with a JSON payload and a fixed time. */
export function envelopeData(id: string, payload: unknown): Buffer {
  return Buffer.from(
    JSON.stringify({
      id,
      payload: Buffer.from(JSON.stringify(payload)).toString('base64'),
      publishTime: '2026-02-03T04:05:06Z',
    }),
  );
}

/** Publishes one envelope and returns its data. */
export async function publishEnvelope(
  pubsub: PubSub,
  topic: string,
  id: string,
  payload: unknown,
  attributes: Record<string, string> = {},
): Promise<Buffer> {
  const data = envelopeData(id, payload);
  await pubsub.topic(topic).publishMessage({ data, attributes });
  return data;
}
