import { firestoreContract } from './firestore.contract.ts';
import { startFirestore } from './start-firestore.ts';

firestoreContract('sandbox', 'test', async () => {
  const { port, close } = await startFirestore();
  return { host: `127.0.0.1:${port}`, close };
});
