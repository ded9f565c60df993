import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { useFirestore } from './firestore.contract.ts';
import { startFirestore } from './start-firestore.ts';

const UNIMPLEMENTED = 12;

suite('Firestore: calls that the sandbox lacks', (it) => {
  const { database, raw, collection } = useFirestore(it, async () => {
    const { port, close } = await startFirestore();
    return { host: `127.0.0.1:${port}`, close };
  });

  it.long('queries, transactions and the rest answer UNIMPLEMENTED, and name a server that has them', async () => {
    const document = collection().doc('a');
    // Runs in parallel, because the client retries for 7 seconds before it reports an error of a streaming read.
    const failures = await Promise.allSettled([
      collection().get(),
      collection().count().get(),
      database().runTransaction((transaction) => transaction.get(document), { maxAttempts: 1 }),
      document.listCollections(),
      raw().beginTransaction({ database: 'projects/contract/databases/(default)' }),
    ]);
    for (const failure of failures) {
      if (failure.status === 'fulfilled') throw new Error('the call should have failed');
      assert.is(failure.reason.code, UNIMPLEMENTED);
      assert.match(failure.reason.message, /Google's emulator/);
    }
  });
});
