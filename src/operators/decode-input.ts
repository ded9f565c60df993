import type { OperatorFunction } from 'rxjs';
import * as v from 'valibot';
import type { Delivery } from '../core/delivery.ts';
import type { Message } from '../core/message.ts';
import { openEnvelope } from '../formats/envelope/envelope.ts';
import { mapMessage } from './map-message.ts';

/**
 * The expected data of a consumer's messages: `envelope` (a malformed one is poison), `raw` (the data is the payload),
 * or `auto` (anything else than an envelope is a raw payload).
 */
export const inputSchema = v.picklist(['envelope', 'raw', 'auto']);

export type InputMode = v.InferOutput<typeof inputSchema>;

const DECODERS: Record<InputMode, (message: Message) => Message> = {
  envelope: openEnvelope,
  raw: (message) => message,
  auto: (message) => {
    try {
      return openEnvelope(message);
    } catch {
      return message;
    }
  },
};

/** Unwraps the envelope around a payload. Attributes stay unchanged. */
export function decodeInput(mode: InputMode): OperatorFunction<Delivery, Delivery> {
  return mapMessage(DECODERS[mode]);
}
