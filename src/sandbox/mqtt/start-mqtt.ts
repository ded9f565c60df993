import { createServer } from 'node:net';
import { Aedes } from 'aedes';
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
  });
  const server = createServer(broker.handle);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error(`unexpected address ${address}`);
  return {
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        broker.close(() => server.close(() => resolve()));
      }),
  };
}
