import type { Message, PubSub } from '@google-cloud/pubsub';
import { receiveMessages } from './receive-messages.ts';
import type { Scope } from './scope.ts';

/** Acknowledges and collects what a subscription delivers until the scope ends, each message once. */
export function collectMessages(scope: Scope, pubsub: PubSub, subscription: string): readonly Message[] {
  return receiveMessages(scope.use(pubsub.subscription(subscription)));
}
