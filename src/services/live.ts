import { isUtf8 } from 'node:buffer';
import { Delivery } from '../core/delivery.ts';
import type { Message } from '../core/message.ts';
import type { LiveProbe, LiveSource } from '../http/live-source.ts';
import { previewOf } from '../http/preview.ts';
import type { GraphOutline } from './graph-outline.ts';
import type { ServiceContext } from './service-context.ts';
import { ledgerReport, recentEvent, snapshots } from './snapshot.ts';

/** Makes everything that the live page and `tap` read of a service. */
export function liveSource(context: ServiceContext, outline: GraphOutline | undefined, url: () => string): LiveSource {
  const { service, telemetry, recentDeadLetters } = context;
  const snapshot = snapshots(context, outline);
  const startedAt = new Date();
  return {
    service,
    pipeline: telemetry.pipeline,
    snapshot: () => snapshot(url()),
    ledger: () => ledgerReport(context, startedAt),
    events: {
      get count() {
        return telemetry.recent.count;
      },
      since: (count) => telemetry.recent.since(count).map(recentEvent),
    },
    deadLetters: recentDeadLetters,
    probes: context.probes.map(
      ({ name, probe }): LiveProbe => ({ name, values: probe, messageOf: messageIn, shown: shownValue }),
    ),
  };
}

/** Of a payload or a text that is tapped. */
const MAX_SHOWN_BYTES = 16 * 1024;
const MAX_LISTED = 20;
const MAX_DEPTH = 5;

/** A delivery's message; an outcome's too. */
function messageIn(value: unknown): Message | undefined {
  if (value instanceof Delivery) return value.message;
  return isRecord(value) && value.delivery instanceof Delivery ? value.delivery.message : undefined;
}

/** A value of any probe as JSON: messages with their payload, batches with their size, everything else as it is. */
function shownValue(value: unknown): Readonly<Record<string, unknown>> {
  if (value instanceof Delivery) return shownMessage(value.message);
  const shown = jsonOf(value, 0);
  return isRecord(shown) ? shown : { value: shown };
}

function shownMessage({ id, publishTime, attributes, enrichmentData, payload }: Message) {
  return {
    ...{ id, publishTime, attributes: jsonOf(attributes, 1), enrichmentData: jsonOf(enrichmentData, 1) },
    ...shownBytes(payload),
  };
}

function shownBytes(payload: Uint8Array) {
  const { byteLength } = payload;
  if (byteLength > MAX_SHOWN_BYTES) return { bytes: byteLength, payloadBeginning: previewOf(payload) };
  if (isUtf8(payload)) return { bytes: byteLength, payload: Buffer.from(payload).toString('utf8') };
  return { bytes: byteLength, payloadBase64: Buffer.from(payload).toString('base64') };
}

function jsonOf(value: unknown, depth: number): unknown {
  if (value instanceof Delivery) return shownMessage(value.message);
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (value instanceof Uint8Array) return shownBytes(value);
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value);
  if (typeof value === 'string') return value.length > MAX_SHOWN_BYTES ? `${value.slice(0, MAX_SHOWN_BYTES)}…` : value;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '…';
  if (Array.isArray(value)) {
    const listed = value.slice(0, MAX_LISTED).map((item) => jsonOf(item, depth + 1));
    return value.length > MAX_LISTED ? [...listed, `… of ${value.length}`] : listed;
  }
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, jsonOf(member, depth + 1)]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
