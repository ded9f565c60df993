/** The generated Pub/Sub client with hand-made batches: no leases, no retries, no bounds, no order. */
import { createPubSubClients, type PubSubClients } from '../../src/connectors/pubsub/client.ts';
import { namesOf, type Task } from './task.ts';

/** A message from StreamingPull. */
export interface Pulled {
  readonly ackId: string;
  readonly message: { readonly data: Buffer; readonly attributes: Record<string, string> };
}

const ACKS_PER_CALL = 1_000;
const ACK_DELAY_MS = 10;

export interface BarePull {
  readonly clients: PubSubClients;
  /** Acknowledges in batches of 1,000, or of the ids from 10 ms. */
  ack(ackId: string): void;
}

/** Opens one StreamingPull and passes on the messages of each response. */
export async function barePull(
  task: Task,
  onMessages: (pulled: readonly Pulled[], pull: BarePull) => void,
): Promise<BarePull> {
  const { projectId, maxInFlight } = task;
  const clients = await createPubSubClients({ projectId });
  const { subscriber } = clients;
  const subscription = subscriber.subscriptionPath(projectId, namesOf(task).subscription);
  let ackIds: string[] = [];
  const flush = (): void => {
    if (ackIds.length === 0) return;
    const batch = ackIds;
    ackIds = [];
    void subscriber.acknowledge({ subscription, ackIds: batch }, { retry: null });
  };
  setInterval(flush, ACK_DELAY_MS);
  const pull: BarePull = {
    clients,
    ack: (ackId) => {
      if (ackIds.push(ackId) >= ACKS_PER_CALL) flush();
    },
  };
  const stub = await subscriber.initialize();
  const { streamingPull } = stub;
  if (streamingPull === undefined) throw new Error('the client has no StreamingPull');
  const stream = streamingPull.call(stub);
  stream.on('data', ({ receivedMessages }: { receivedMessages: readonly Pulled[] }) =>
    onMessages(receivedMessages, pull),
  );
  stream.write({ subscription, streamAckDeadlineSeconds: 600, maxOutstandingMessages: maxInFlight });
  return pull;
}
