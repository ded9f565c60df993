import * as v from 'valibot';
import { shownKey } from '../../config/parse.ts';
import { messagePath, milliseconds, setting } from '../../config/schemas.ts';
import { mqttSourceSchema } from '../../connectors/mqtt/config.ts';
import { publishSchema } from '../../connectors/pubsub/config.ts';
import { mqttDeadLettersSchema } from '../../dead-letters/config.ts';
import { commonEntries } from '../config.ts';
import type { ServiceSettings } from '../define-service.ts';
import { payloadLimitProblems, routingEntries, routingProblems, sharingProblems } from './routing.ts';

/** Configuration of an ingestion service: MQTT to Pub/Sub. */
export const ingestionSchema = v.pipe(
  v.strictObject({
    service: setting(v.literal('ingestion'), 'Selects this service.'),
    ...commonEntries,
    mqtt: mqttSourceSchema,
    id: setting(v.optional(messagePath), 'Path to the message id in the payload.', {
      example: 'payload.id',
      unset: 'an id assigned on receipt',
    }),
    ...routingEntries,
    unroutable: setting(
      v.optional(v.picklist(['deadLetter', 'drop']), 'deadLetter'),
      'Ending of a message that no route matches, such as one that a session still holds for a filter of an ' +
        'earlier configuration.',
    ),
    publish: v.optional(
      v.strictObject({
        ...publishSchema.entries,
        deadLetterAfterMs: setting(
          v.optional(milliseconds({ min: 1_000 })),
          'Ingestion only: messages of a topic that has been failing for this time become dead letters ' +
            '(`undelivered`), until it works again.',
          { example: 600_000, unset: 'never' },
        ),
      }),
      {},
    ),
    /** Required, because MQTT cannot return a poisoned message. */
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

export const settings = {
  name: 'ingestion',
  schema: ingestionSchema,
  hooks: ['enricher'] as const,
  looseProblems: (value) => {
    const routing = v.safeParse(v.object(routingEntries), value);
    if (!routing.success) return [];
    return routingProblems(routing.output).map(({ path, problem }) => ({
      path: path.map(shownKey).join('.'),
      problem,
    }));
  },
  warnings: ({ mqtt }) =>
    mqtt.shareGroup
      ? [
          `mqtt.shareGroup: each replica needs its own mqtt.clientId, which must stay the same across restarts; here it is "${mqtt.clientId}". Messages assigned to a replica wait for that id`,
        ]
      : [],
} satisfies ServiceSettings<IngestionConfig>;
