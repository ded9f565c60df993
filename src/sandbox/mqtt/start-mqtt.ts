import { createServer } from 'node:net';
import { Aedes } from 'aedes';
import { listen } from '../listen.ts';
import type { SandboxServer } from '../server.ts';
import { correctStoredMessages } from './stored-messages.ts';

/**
 * Starts an MQTT 3.1.1 broker (aedes) with sessions and messages in memory. MQTT 5 and shared subscriptions need
 * mosquitto: aedes refuses the first and treats the second as a plain topic.
 */
export async function startMqtt({ port = 0 }: { port?: number } = {}): Promise<SandboxServer> {
  const broker = await Aedes.createBroker({
    // A subscriber paused for lack of credit is slow, not dead.
    drainTimeout: 0,
    maxClientsIdLength: 65_535,
    preConnect: (_client, { clientId }, callback) => {
      forgetPacketIds(clientId).then(
        () => callback(null, true),
        (error: Error) => callback(error, false),
      );
    },
  });
  const forgetPacketIds = correctStoredMessages(broker);
  const server = createServer(broker.handle);
  return {
    port: await listen(server, port),
    close: () =>
      new Promise((resolve) => {
        broker.close(() => server.close(() => resolve()));
      }),
  };
}
