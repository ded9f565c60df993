import { MAX_TOPIC_BYTES, publishTopicProblem } from '../../connectors/mqtt/topic-filter.ts';
import { PoisonError } from '../../core/errors.ts';
import type { Message } from '../../core/message.ts';
import { keyPath, MessageView, pathProblem } from '../../core/message-path.ts';

const NAME = /\{([^{}]*)\}/g;

/** Returns why a text is not a template of topics to publish to; undefined if it is one. */
export function topicTemplateProblem(template: string): string | undefined {
  const problem = publishTopicProblem(template);
  if (problem !== undefined) return problem;
  for (const [written, name = ''] of template.matchAll(NAME)) {
    if (!/^[\w-]+$/.test(name) && pathProblem(name) !== undefined) {
      return `"${written}" names nothing: expected a name in the enrichment data, such as {DeviceID}, or a path, such as {payload.site}`;
    }
  }
  return /[{}]/.test(template.replaceAll(NAME, '')) ? `"${template}" has an unpaired brace` : undefined;
}

/**
 * Compiles a template such as `sites/{location}/devices/{DeviceID}/readings`. A name is a member of the enrichment
 * data, or a path into the message; `{DeviceID}` uses the paths to the device. A template with only one name, such as
 * `{Topic}`, reads a whole topic.
 *
 * @returns a function for the topic of a message. It throws a PoisonError (`unroutable`) if a value is missing or not a
 *   valid level.
 */
export function topicTemplate(template: string, devicePaths: readonly string[]): (message: Message) => string {
  const names = new Map(
    Array.from(template.matchAll(NAME), ([written, name = '']) => [written, pathsOf(name, devicePaths).map(keyPath)]),
  );
  const unfit = /^\{[^{}]*\}$/.test(template) ? /[+#\0]/ : /[/+#\0]/;
  return (message) => {
    const view = new MessageView(message);
    const topic = template.replaceAll(NAME, (written) => {
      const value = names
        .get(written)
        ?.map((read) => read(view))
        .find((found) => found !== undefined);
      if (value === undefined || value === '') throw unroutable(`it has nothing at ${written}`);
      if (unfit.test(value)) throw unroutable(`its value at ${written} is not a valid part of a topic`);
      return value;
    });
    if (Buffer.byteLength(topic) > MAX_TOPIC_BYTES) throw unroutable('its topic has more than 65,535 bytes');
    return topic;
  };
}

function pathsOf(name: string, devicePaths: readonly string[]): readonly string[] {
  if (name === 'DeviceID') return devicePaths;
  return [pathProblem(name) === undefined ? name : `enrichmentData.${name}`];
}

function unroutable(problem: string): PoisonError {
  return new PoisonError('unroutable', `${problem}, for the topic of --topic`);
}
