import * as v from 'valibot';
import { messagePath, milliseconds } from '../../config/schemas.ts';
import { mqttDeadLettersSchema } from '../../sinks/dead-letters/config.ts';
import { publishSchema } from '../../sinks/pubsub/config.ts';
import { mqttSourceSchema } from '../../sources/mqtt/config.ts';
import { commonEntries } from '../config.ts';
import { payloadLimitProblems, routingEntries, routingProblems, sharingProblems } from './routing.ts';

/** Configuration of an ingestion service: MQTT to Pub/Sub. */
export const ingestionSchema = v.pipe(
  v.strictObject({
    service: v.literal('ingestion'),
    ...commonEntries,
    mqtt: mqttSourceSchema,
    /** Path to the message id in the payload; without it, an id is made at receipt. */
    id: v.optional(messagePath),
    ...routingEntries,
    /** A message that no route matches: what a session still holds for a filter of an earlier configuration. */
    unroutable: v.optional(v.picklist(['deadLetter', 'drop']), 'deadLetter'),
    publish: v.optional(
      v.strictObject({
        ...publishSchema.entries,
        /**
         * After a topic has failed for so long, its messages become dead letters: each request is tried once more, then
         * no longer waited for. Default: never, since an outage is no fault of a message.
         */
        deadLetterAfterMs: v.optional(milliseconds({ min: 1_000 })),
      }),
      {},
    ),
    /** Needed: MQTT has no way to give a poisoned message back. */
    deadLetters: mqttDeadLettersSchema,
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { mqtt } = dataset.value;
    const problems = [
      ...routingProblems(dataset.value, mqtt),
      ...sharingProblems(dataset.value, mqtt),
      ...payloadLimitProblems(dataset.value, mqtt),
    ];
    for (const { path, problem } of problems) {
      const [first, ...rest] = path.map((key) => ({
        type: 'object' as const,
        origin: 'value' as const,
        input: {},
        key,
        value: undefined,
      }));
      if (first !== undefined) addIssue({ message: problem, path: [first, ...rest] });
    }
  }),
);

export type IngestionConfig = v.InferOutput<typeof ingestionSchema>;
