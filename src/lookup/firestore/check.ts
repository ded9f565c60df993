import type { Firestore } from '@google-cloud/firestore';
import { answerOf } from '../../connectors/google/bounded-call.ts';
import { asStartError } from '../../connectors/google/errors.ts';

/** A document id that is read once at start; it need not exist. */
const CHECKED_ID = 'dataflow-start-check';

/**
 * Checks at start that a collection may be read.
 *
 * @throws FatalError naming the setting, or RetryableError while Firestore is unreachable.
 */
export async function checkFirestore(client: Firestore, collection: string): Promise<void> {
  try {
    await answerOf('BatchGetDocuments', () => client.collection(collection).doc(CHECKED_ID).get());
  } catch (thrown) {
    throw asStartError('lookup.firestore.collection', collection, thrown);
  }
}
