import { createServer } from 'node:net';
import { Aedes } from 'aedes';
import { listen } from '../listen.ts';
import type { SandboxServer } from '../server.ts';

/**
 * Starts an MQTT 3.1.1 broker (aedes) that keeps sessions and messages in memory. MQTT 5 and shared subscriptions need
 * mosquitto: aedes refuses the first and takes the second for a plain topic.
 */
export async function startMqtt({ port = 0 }: { port?: number } = {}): Promise<SandboxServer> {
  const broker = await Aedes.createBroker({
    // A subscriber that is held for want of credit is slow, not dead.
    drainTimeout: 0,
    maxClientsIdLength: 65_535,
    preConnect: (_client, { clientId }, callback) => {
      forgetPacketIds(broker, clientId).then(
        () => callback(null, true),
        (error: Error) => callback(error, false),
      );
    },
  });
  const server = createServer(broker.handle);
  return {
    port: await listen(server, port),
    close: () =>
      new Promise((resolve) => {
        broker.close(() => server.close(() => resolve()));
      }),
  };
}

interface StoredPackets {
  outgoingStream(client: { id: string }): AsyncIterable<{ messageId?: number | undefined }>;
}

/**
 * aedes 1.2 finds an acknowledged message by packet id alone, and its stored messages keep the ids of the connection
 * before, until they are sent again. A PUBACK could therefore delete a message that was never sent: a message lost by
 * the broker, in about every tenth resumed session with a backlog of thousands.
 */
async function forgetPacketIds(broker: object, clientId: string): Promise<void> {
  const stored = 'persistence' in broker && isStore(broker.persistence) ? broker.persistence : undefined;
  for await (const packet of stored?.outgoingStream({ id: clientId }) ?? []) packet.messageId = undefined;
}

function isStore(value: unknown): value is StoredPackets {
  return typeof value === 'object' && value !== null && 'outgoingStream' in value;
}
