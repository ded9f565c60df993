import { createRequire } from 'node:module';
import { credentials } from '@grpc/grpc-js';
import { answerOf } from '../../connectors/google/bounded-call.ts';
import { isDenied } from '../../connectors/google/denied-check.ts';
import type { GoogleConfig } from '../../connectors/google/google-config.ts';
import { errorCode } from '../../core/errors.ts';
import type { LookupConfig } from '../../lookup/config.ts';
import type { Check, Report } from './finding.ts';
import { ANSWER_WITHIN_MS } from './google-calls.ts';

type Client = InstanceType<typeof v1.FirestoreClient>;
type FirestoreConfig = NonNullable<LookupConfig['firestore']>;

/** A CommonJS module, which exports `v1` only to `require`. */
const { v1 }: typeof import('@google-cloud/firestore') = createRequire(import.meta.url)('@google-cloud/firestore');

const NOT_FOUND = 5;

/** Checks the collection that lookups read. A collection exists once it has a document. */
export function collectionCheck(google: GoogleConfig, config: FirestoreConfig): Check {
  const { projectId = google.projectId, databaseId = '(default)', collection } = config;
  return {
    part: `collection ${collection}`,
    run: async (report) => {
      // The high-level client retries a refused read for seconds, and lists either all documents or none.
      const client = new v1.FirestoreClient({
        projectId,
        ...(google.keyFilename === undefined ? {} : { keyFilename: google.keyFilename }),
        ...emulator(process.env.FIRESTORE_EMULATOR_HOST),
      });
      const database = `projects/${projectId}/databases/${databaseId}`;
      try {
        if (await isReadable(report, client, database, collection)) {
          await reportDocuments(report, client, database, collection);
        }
      } finally {
        await client.close();
      }
    },
  };
}

/** Reads a document as lookups do; whether it exists does not matter. */
async function isReadable(report: Report, client: Client, database: string, collection: string): Promise<boolean> {
  const request = { database, documents: [`${database}/documents/${collection}/dataflow-doctor`] };
  try {
    await answerOf(
      'BatchGetDocuments',
      () => ended(client.batchGetDocuments(request, { timeout: ANSWER_WITHIN_MS, retry: null })),
      ANSWER_WITHIN_MS,
    );
    report('ok', 'can be read (lookup.firestore.collection)');
    return true;
  } catch (thrown) {
    if (isDenied(thrown)) {
      report('error', 'datastore.entities.get is denied: nothing can be looked up', 'roles/datastore.viewer');
    } else if (Number(errorCode(thrown)) === NOT_FOUND) {
      report('error', 'the database does not exist', 'gcloud firestore databases create --location=LOCATION');
    } else throw thrown;
    return false;
  }
}

async function ended(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

async function reportDocuments(report: Report, client: Client, database: string, collection: string): Promise<void> {
  const path = collection.split('/');
  const collectionId = path.pop() ?? collection;
  const parent = [`${database}/documents`, ...path].join('/');
  const request = { parent, collectionId, pageSize: 1, mask: { fieldPaths: [] } };
  try {
    const [found] = await answerOf(
      'ListDocuments',
      () => client.listDocuments(request, { autoPaginate: false, timeout: ANSWER_WITHIN_MS, retry: null }),
      ANSWER_WITHIN_MS,
    );
    if (found.length > 0) report('ok', 'has documents');
    else report('warning', 'has no document: no key has data', 'check lookup.firestore.collection');
  } catch (thrown) {
    if (!isDenied(thrown)) throw thrown;
    const what =
      'not checked whether it has documents: datastore.entities.list is denied, which the service does not need';
    report('note', what, 'roles/datastore.viewer');
  }
}

function emulator(host: string | undefined) {
  if (host === undefined || host === '') return {};
  const [servicePath = '', port = '8080'] = host.split(':');
  return { servicePath, port: Number(port), sslCreds: credentials.createInsecure() };
}
