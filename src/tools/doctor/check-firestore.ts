import { createRequire } from 'node:module';
import { credentials } from '@grpc/grpc-js';
import { answerOf } from '../../connectors/google/bounded-call.ts';
import { isDenied } from '../../connectors/google/denied-check.ts';
import type { GoogleConfig } from '../../connectors/google/google-config.ts';
import { errorCode } from '../../core/errors.ts';
import type { LookupConfig } from '../../lookup/config.ts';
import type { Check } from './finding.ts';
import { ANSWER_WITHIN_MS } from './google-calls.ts';

type FirestoreConfig = NonNullable<LookupConfig['firestore']>;

/** A module of CommonJS gives `v1` to `require` alone. */
const { v1 }: typeof import('@google-cloud/firestore') = createRequire(import.meta.url)('@google-cloud/firestore');

const NOT_FOUND = 5;

/** Looks at the collection that lookups read. A collection exists once it has a document. */
export function collectionCheck(
  google: GoogleConfig,
  { projectId = google.projectId, databaseId = '(default)', collection }: FirestoreConfig,
): Check {
  const lists = new v1.FirestoreClient({
    projectId,
    ...(google.keyFilename === undefined ? {} : { keyFilename: google.keyFilename }),
    ...emulator(process.env.FIRESTORE_EMULATOR_HOST),
  });
  return {
    part: `collection ${collection}`,
    run: async (report) => {
      try {
        const path = collection.split('/');
        const collectionId = path.pop() ?? collection;
        const parent = [`projects/${projectId}/databases/${databaseId}/documents`, ...path].join('/');
        const request = { parent, collectionId, pageSize: 1, mask: { fieldPaths: [] } };
        const [found] = await answerOf(
          'ListDocuments',
          () => lists.listDocuments(request, { autoPaginate: false, timeout: ANSWER_WITHIN_MS, retry: null }),
          ANSWER_WITHIN_MS,
        );
        if (found.length > 0) report('ok', 'can be read, and has documents (lookup.firestore.collection)');
        else report('warning', 'has no document: no key has data', 'check lookup.firestore.collection');
      } catch (thrown) {
        if (isDenied(thrown)) {
          const what = 'datastore.entities.get or .list is denied: nothing can be looked up';
          report('error', what, 'roles/datastore.viewer');
        } else if (Number(errorCode(thrown)) === NOT_FOUND) {
          report('error', 'the database does not exist', 'gcloud firestore databases create --location=LOCATION');
        } else throw thrown;
      } finally {
        await lists.close();
      }
    },
  };
}

function emulator(host: string | undefined) {
  if (host === undefined || host === '') return {};
  const [servicePath = '', port = '8080'] = host.split(':');
  return { servicePath, port: Number(port), sslCreds: credentials.createInsecure() };
}
