import type { ServerUnaryCall } from '@grpc/grpc-js';
import { encodeReceivedMessages } from './delivery-codec.ts';
import type { Consumer, Entry } from './entry.ts';
import { notFound } from './rpc.ts';
import type { Subscription } from './subscription.ts';

/** The service returns no more per call, whatever is asked for. */
const MAX_MESSAGES = 1000;
/** "A bounded amount of time", says the proto file, in which the call waits for a first message. */
const MAX_WAIT_MS = 10_000;

/** Takes what there is for one Pull call, or waits for the first message; resolves to an encoded PullResponse. */
export function pull<Request>(
  subscription: Subscription,
  maxMessages: number,
  returnImmediately: boolean,
  call: ServerUnaryCall<Request, Buffer>,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const entries: Entry[] = [];
    let open = true;
    const finish = () => {
      open = false;
      clearTimeout(timer);
      subscription.detach(consumer);
      resolve(encodeReceivedMessages(entries, Boolean(subscription.settings.deadLetterPolicy), Buffer.alloc(0)));
    };
    const consumer: Consumer = {
      get wants() {
        return open && entries.length < Math.min(maxMessages, MAX_MESSAGES);
      },
      ackDeadlineMs: (subscription.settings.ackDeadlineSeconds ?? 10) * 1000,
      add: (entry) => entries.push(entry),
      flush: finish,
      settled: () => {},
      end: () => {
        open = false;
        clearTimeout(timer);
        reject(notFound(subscription.name));
      },
    };
    const deadline = call.getDeadline();
    const leftMs = typeof deadline === 'number' ? deadline - Date.now() : deadline.getTime() - Date.now();
    const timer = setTimeout(finish, returnImmediately ? 0 : Math.min(MAX_WAIT_MS, leftMs / 2));
    call.on('cancelled', finish);
    subscription.attach(consumer);
  });
}
