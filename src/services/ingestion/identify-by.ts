import type { Message } from '../../core/message.ts';
import { keyPath, MessageView } from '../../core/message-path.ts';

/** Replaces the message's id with the one in its payload, if a path to it is configured and exists. */
export function identifyBy(path: string | undefined): (message: Message) => Message {
  if (path === undefined) return (message) => message;
  const read = keyPath(path);
  return (message) => {
    const id = read(new MessageView(message));
    return id === undefined ? message : { ...message, id };
  };
}
