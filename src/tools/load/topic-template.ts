import { publishTopicProblem } from '../../connectors/mqtt/topic-filter.ts';
import { type Template, templateOf } from './template.ts';

/** Names allowed in braces in a topic. */
export const TOPIC_NAMES = ['site', 'device', 'index'] as const;

/**
 * Compiles the template of an MQTT topic, such as `sites/{site}/devices/{device}/readings`.
 *
 * @throws Error describing the problem: an unknown name in braces, or an invalid topic.
 */
export function topicTemplate(text: string): Template {
  const places = TOPIC_NAMES.map((name) => `{${name}}`).join(', ');
  const unknown = Array.from(text.matchAll(/\{([^{}/]*)\}/g), ([place]) => place).find(
    (place) => !places.split(', ').includes(place),
  );
  if (unknown !== undefined) throw new Error(`${unknown} has no value; ${places} have one`);
  const problem = publishTopicProblem(text);
  if (problem !== undefined) throw new Error(problem);
  return templateOf(text, TOPIC_NAMES);
}
