import type { Message, PubSub } from '@google-cloud/pubsub';
import { receiveMessages } from './receive-messages.ts';
import type { Scope } from './scope.ts';

/** Collects and acknowledges the messages of a subscription until the scope ends, each once. */
export function collectMessages(scope: Scope, pubsub: PubSub, subscription: string): readonly Message[] {
  return receiveMessages(scope.use(pubsub.subscription(subscription)));
}
