import { Firestore } from '@google-cloud/firestore';
import type { GoogleConfig } from '../../connectors/google/google-config.ts';
import { channelOptions } from '../../connectors/google/grpc-client.ts';

/** Creates the client, which honors `FIRESTORE_EMULATOR_HOST`. */
export function createFirestoreClient(
  google: GoogleConfig,
  { projectId, databaseId }: { projectId?: string | undefined; databaseId?: string | undefined },
): Firestore {
  return new Firestore({
    // Otherwise 64-bit integers are rounded to doubles.
    useBigInt: true,
    grpcOptions: channelOptions(),
    projectId: projectId ?? google.projectId,
    ...(databaseId === undefined ? {} : { databaseId }),
    ...(google.keyFilename === undefined ? {} : { keyFilename: google.keyFilename }),
  });
}
