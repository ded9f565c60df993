import { createRequire } from 'node:module';
import { credentials } from '@grpc/grpc-js';
import { answerOf } from '../../connectors/google/bounded-call.ts';
import { isDenied } from '../../connectors/google/denied-check.ts';
import type { GoogleConfig } from '../../connectors/google/google-config.ts';
import { errorCode, toError } from '../../core/errors.ts';
import type { LookupConfig } from '../../lookup/config.ts';
import { checkFirestore } from '../../lookup/firestore/check.ts';
import { createFirestoreClient } from '../../lookup/firestore/client.ts';
import type { Check, Report } from './finding.ts';
import { ANSWER_WITHIN_MS } from './google-calls.ts';

type FirestoreConfig = NonNullable<LookupConfig['firestore']>;

/** A module of CommonJS gives `v1` to `require` alone. */
const { v1 }: typeof import('@google-cloud/firestore') = createRequire(import.meta.url)('@google-cloud/firestore');

const NOT_FOUND = 5;

/** Looks at the collection that lookups read. A collection exists once it has a document. */
export function collectionCheck(google: GoogleConfig, config: FirestoreConfig): Check {
  const { collection } = config;
  return {
    part: `collection ${collection}`,
    run: async (report) => {
      const client = createFirestoreClient(google, config);
      try {
        await checkFirestore(client, collection);
        report('ok', 'can be read (lookup.firestore.collection)');
      } catch (thrown) {
        const { cause } = toError(thrown);
        if (isDenied(cause)) {
          report('error', 'datastore.entities.get is denied: nothing can be looked up', 'roles/datastore.viewer');
        } else if (Number(errorCode(cause)) === NOT_FOUND) {
          report('error', 'the database does not exist', 'gcloud firestore databases create --location=LOCATION');
        } else throw thrown;
        return;
      } finally {
        await client.terminate();
      }
      await reportDocuments(report, google, config);
    },
  };
}

async function reportDocuments(
  report: Report,
  google: GoogleConfig,
  { projectId = google.projectId, databaseId = '(default)', collection }: FirestoreConfig,
): Promise<void> {
  // The high-level client would list all of them.
  const lists = new v1.FirestoreClient({
    projectId,
    ...(google.keyFilename === undefined ? {} : { keyFilename: google.keyFilename }),
    ...emulator(process.env.FIRESTORE_EMULATOR_HOST),
  });
  const path = collection.split('/');
  const collectionId = path.pop() ?? collection;
  const parent = [`projects/${projectId}/databases/${databaseId}/documents`, ...path].join('/');
  const request = { parent, collectionId, pageSize: 1, mask: { fieldPaths: [] } };
  try {
    const [found] = await answerOf(
      'ListDocuments',
      () => lists.listDocuments(request, { autoPaginate: false, timeout: ANSWER_WITHIN_MS, retry: null }),
      ANSWER_WITHIN_MS,
    );
    if (found.length > 0) report('ok', 'has documents');
    else report('warning', 'has no document: no key has data', 'check lookup.firestore.collection');
  } catch (thrown) {
    if (!isDenied(thrown)) throw thrown;
    const what =
      'not checked whether it has documents: datastore.entities.list is denied, which the service does without';
    report('note', what, 'roles/datastore.viewer');
  } finally {
    await lists.close();
  }
}

function emulator(host: string | undefined) {
  if (host === undefined || host === '') return {};
  const [servicePath = '', port = '8080'] = host.split(':');
  return { servicePath, port: Number(port), sslCreds: credentials.createInsecure() };
}
