import { pubsubContract } from './pubsub.contract.ts';
import { startPubSub } from './start-pubsub.ts';

pubsubContract('sandbox', 'test', async () => {
  const { port, close } = await startPubSub();
  return { host: `127.0.0.1:${port}`, close };
});
