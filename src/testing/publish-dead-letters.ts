import type { PubSub } from '@google-cloud/pubsub';

export interface DeadLettersToPublish {
  /** Short name of the originals' subscription. */
  readonly source: string;
  readonly count: number;
  /** Attributes that extend or replace those of a message that icestore rejected. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** Publishes dead letters like the service of a pipeline. Their data is `original 0`, `original 1` and so on. */
export async function publishDeadLetters(
  pubsub: PubSub,
  topic: string,
  { source, count, attributes = {} }: DeadLettersToPublish,
): Promise<void> {
  const deadLetters = Array.from({ length: count }, (_, index) => ({
    data: Buffer.from(`original ${index}`),
    attributes: {
      ...{ uid: 'u1', dlq_service: 'icestore', dlq_reason: 'rejected', dlq_error: 'no time', dlq_attempt: '1' },
      dlq_source: `projects/${pubsub.projectId}/subscriptions/${source}`,
      dlq_time: new Date().toISOString(),
      ...attributes,
    },
  }));
  await Promise.all(deadLetters.map((deadLetter) => pubsub.topic(topic).publishMessage(deadLetter)));
}
