import { templateOf } from './template.ts';

/** Values that a payload template can contain. */
export interface PayloadValues {
  readonly site: string;
  readonly device: string;
  /** Number of the device, from 0. */
  readonly index: number;
  /** Number of the reading of this device, from 0. */
  readonly sequence: number;
  readonly id: string;
  /** RFC 3339. */
  readonly time: string;
}

export const PAYLOAD_NAMES = ['site', 'device', 'index', 'sequence', 'id', 'time'] as const;

/**
 * Compiles a payload template: replaces `{id}`, `{device}`, `{site}`, `{index}`, `{sequence}` and `{time}`, and keeps
 * all other bytes, JSON and binary alike.
 */
export function payloadTemplate(bytes: Buffer): (values: PayloadValues) => Buffer {
  // Latin-1 maps each byte to a character and back.
  const template = templateOf(bytes.toString('latin1'), PAYLOAD_NAMES);
  if (template.names.size === 0) return () => bytes;
  return (values) => Buffer.from(template.fill({ ...values }), 'latin1');
}
