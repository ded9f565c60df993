import { hasGoogleEmulators, startGoogleEmulator } from '../../testing/google-emulator.ts';
import { suite } from '../../testing/suite.ts';
import { firestoreContract } from './firestore.contract.ts';

const NAME = "Google's emulator";

if (hasGoogleEmulators()) firestoreContract(NAME, 'long', () => startGoogleEmulator('firestore'));
else
  suite(`Firestore contract: ${NAME}`, ({ skip }) => {
    skip('all', 'gcloud or Java is not on the PATH: only the sandbox is tested');
  });
