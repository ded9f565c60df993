import { hasGoogleEmulators, startGoogleEmulator } from '../../testing/google-emulator.ts';
import { suite } from '../../testing/suite.ts';
import { pubsubContract } from './pubsub.contract.ts';

const NAME = "Google's emulator";

if (hasGoogleEmulators()) pubsubContract(NAME, 'long', () => startGoogleEmulator('pubsub'));
else
  suite(`Pub/Sub contract: ${NAME}`, ({ skip }) => {
    skip('all', 'gcloud or Java is not on the PATH: only the sandbox is tested');
  });
