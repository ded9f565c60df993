import type { Message } from '../../core/message.ts';
import { keyPath, MessageView } from '../../core/message-path.ts';

/** Gives the message the id that its payload holds, where a path to it is configured and leads somewhere. */
export function identifyBy(path: string | undefined): (message: Message) => Message {
  if (path === undefined) return (message) => message;
  const read = keyPath(path);
  return (message) => {
    const id = read(new MessageView(message));
    return id === undefined ? message : { ...message, id };
  };
}
