import { lineBy, objectName, type PreparedLine } from '../../connectors/storage/sink.ts';
import type { Message } from '../../core/message.ts';
import { lineText } from '../../formats/archive-line.ts';
import { contentHashOf, identityBy, insertIdOf } from '../../formats/identity.ts';
import { type Hooks, openingOf } from '../../services/define-service.ts';
import { type IcestoreConfig, settings } from '../../services/icestore/config.ts';
import {
  batchKeyOf,
  type IcestoreDependencies,
  icestoreGraph,
  icestoreProbes,
} from '../../services/icestore/icestore.ts';
import { rfc3339OfMillis } from '../../util/rfc3339.ts';
import { consumed, subscriptionOf } from './consumed.ts';
import { type Archived, type Arrival, type Explanation, otherEnd, shownMessage } from './explanation.ts';
import { ONE_MESSAGE, QUIET, tryOut } from './try-out.ts';

/** Follows a message through an icestore pipeline. */
export async function explainIcestore(
  config: IcestoreConfig,
  hooks: Hooks,
  arrival: Arrival,
): Promise<Omit<Explanation, 'pipeline'>> {
  const notes: string[] = [];
  const dependencies: Partial<IcestoreDependencies> = { ...hooks, telemetry: QUIET };
  const opening = openingOf({ ...settings, inFlight: ONE_MESSAGE, probes: icestoreProbes }, config, dependencies);
  const { original, message } = consumed(config.input, arrival, notes);
  let seen: Message = message;
  opening.probes.decoded.subscribe({
    next: (delivery) => {
      seen = delivery.message;
    },
  });
  const ended = await tryOut(
    opening.context,
    { original, message },
    lineBy(config.bucket.name, config.bucket.prefix, batchKeyOf(opening)),
    (deliveries, storeObjects) => icestoreGraph(deliveries, opening, { storeObjects }),
  );
  if (ended.kind === 'taken')
    notes.push('an object holds all messages of its group, and its name depends on all of them');
  return {
    service: 'icestore',
    message: shownMessage(seen, insertIdOf(identityBy(config.identity)(seen))),
    ...(ended.kind === 'taken'
      ? { outcome: 'archived', archived: archivedOf(ended.item, config) }
      : otherEnd(ended, original, { ...config, source: subscriptionOf(config) })),
    notes,
  };
}

function archivedOf({ delivery, key, line }: PreparedLine, { bucket, identity }: IcestoreConfig): Archived {
  const batchKey = key.group;
  const hash = contentHashOf(batchKey, [identityBy(identity)(delivery.message)]);
  return {
    batchKey,
    object: `gs://${bucket.name}/${objectName(bucket.prefix, batchKey, hash)}`,
    line: lineText(line, rfc3339OfMillis(Date.now())).trimEnd(),
  };
}
