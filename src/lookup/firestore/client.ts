import { Firestore } from '@google-cloud/firestore';
import type { GoogleConfig } from '../../connectors/google/google-config.ts';
import { channelOptions } from '../../connectors/google/grpc-client.ts';

/** Builds the client; `FIRESTORE_EMULATOR_HOST` is honored by it. */
export function createFirestoreClient(
  google: GoogleConfig,
  { projectId, databaseId }: { projectId?: string | undefined; databaseId?: string | undefined },
): Firestore {
  return new Firestore({
    // Else an integer of 64 bits is rounded to a double.
    useBigInt: true,
    grpcOptions: channelOptions(),
    projectId: projectId ?? google.projectId,
    ...(databaseId === undefined ? {} : { databaseId }),
    ...(google.keyFilename === undefined ? {} : { keyFilename: google.keyFilename }),
  });
}
