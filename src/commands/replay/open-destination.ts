import { FatalError, PoisonError } from '../../core/errors.ts';
import type { Message, Original } from '../../core/message.ts';
import { keyPath, MessageView } from '../../core/message-path.ts';
import { encodeEnvelope } from '../../formats/envelope/envelope.ts';
import type { Destination } from '../../tools/replay/destination.ts';
import { mqttDestination } from '../../tools/replay/mqtt-destination.ts';
import { topicDestination } from '../../tools/replay/topic-destination.ts';
import { topicTemplate, topicTemplateProblem } from '../../tools/replay/topic-template.ts';
import { brokerOf } from '../broker.ts';
import type { ReplayCommandOptions } from './options.ts';

/** The destination of a replay, and the conversion of messages for it. */
export interface ReplayDestination {
  readonly destination: Destination;
  readonly toOriginal: (message: Message) => Original;
}

/**
 * @param devicePaths paths of a device's id in a message.
 * @throws FatalError naming the option that is missing or wrong.
 */
export async function openDestination(
  projectId: string,
  options: ReplayCommandOptions,
  devicePaths: readonly string[],
): Promise<ReplayDestination> {
  if (options.to === 'mqtt') {
    const topicOf = topicsOf(options.topic, devicePaths);
    return {
      destination: await mqttDestination(brokerOf(options)),
      toOriginal: (message) => ({
        data: message.payload,
        attributes: { ...message.attributes, mqtt_topic: topicOf(message) },
        orderingKey: '',
      }),
    };
  }
  if (options.topic === undefined) throw new FatalError('--topic: --to pubsub needs the name of a topic');
  const orderingKey = keyPath(options.orderingKey);
  return {
    destination: await topicDestination({ projectId }, options.topic),
    toOriginal: (message) => ({
      data: encodeEnvelope(message),
      attributes: message.attributes,
      orderingKey: orderingKey(new MessageView(message)) ?? '',
    }),
  };
}

/** Returns the original topic of a message, or else that of `--topic`. */
function topicsOf(template: string | undefined, devicePaths: readonly string[]): (message: Message) => string {
  const problem = template === undefined ? undefined : topicTemplateProblem(template);
  if (problem !== undefined) throw new FatalError(`--topic: ${problem}`);
  const made = template === undefined ? undefined : topicTemplate(template, devicePaths);
  return (message) => {
    const { mqtt_topic } = message.attributes;
    if (mqtt_topic) return mqtt_topic;
    if (made !== undefined) return made(message);
    throw new PoisonError('unroutable', 'it has no attribute mqtt_topic; set --topic for such messages');
  };
}
