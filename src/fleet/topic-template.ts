import { type Template, templateOf } from './template.ts';

/** What may stand in braces in a topic. */
export const TOPIC_NAMES = ['site', 'device', 'index'] as const;

/** MQTT-4.7.3: a topic has at most so many bytes. */
const LONGEST_TOPIC_BYTES = 65_535;

/**
 * Reads the template of an MQTT topic, such as `sites/{site}/devices/{device}/readings`.
 *
 * @throws Error saying what is wrong: an unknown name in braces, or what no topic to publish to may hold.
 */
export function topicTemplate(text: string): Template {
  const places = TOPIC_NAMES.map((name) => `{${name}}`).join(', ');
  const unknown = Array.from(text.matchAll(/\{([^{}/]*)\}/g), ([place]) => place).find(
    (place) => !places.split(', ').includes(place),
  );
  if (unknown !== undefined) throw new Error(`${unknown} has no value; ${places} have one`);
  if (text === '') throw new Error('a topic has at least one character');
  if (/[+#]/.test(text)) throw new Error('"+" and "#" stand for levels of subscriptions: a message goes to one topic');
  if (text.includes('\0')) throw new Error('a topic has no null character');
  if (text.startsWith('$')) throw new Error('topics that begin with "$" belong to the broker');
  if (Buffer.byteLength(text) > LONGEST_TOPIC_BYTES)
    throw new Error(`a topic has at most ${LONGEST_TOPIC_BYTES} bytes`);
  return templateOf(text, TOPIC_NAMES);
}
