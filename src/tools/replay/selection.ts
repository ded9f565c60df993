import type { Message } from '../../core/message.ts';
import { keyPath, MessageView, validPath } from '../../core/message-path.ts';

/** Paths of the device's id in messages of this platform and its devices. */
export const DEVICE_PATHS: readonly string[] = ['enrichmentData.DeviceID', 'attributes.uid', 'payload.device_id'];

/** Selects messages of an archive, and defines their time. */
export interface SelectionOptions {
  /** Path to the time that orders, selects and paces, for example `metadata.publishTime`. */
  readonly timePath: string;
  /** Milliseconds since 1970; at or after. */
  readonly from?: number;
  /** Milliseconds since 1970; before. */
  readonly until?: number;
  /** Empty for all. */
  readonly devices: readonly string[];
  /** Paths to the device's id; the first that has one is used. */
  readonly devicePaths: readonly string[];
}

/** The result of a selection for a message. */
export interface Selected {
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly device: string | undefined;
  readonly isSelected: boolean;
}

/** Compiles a selection. It returns undefined for a message without a time at the path. */
export function selectionOf(options: SelectionOptions): (message: Message) => Selected | undefined {
  const { from = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY } = options;
  const readTime = validPath(options.timePath);
  const readDevice = options.devicePaths.map(keyPath);
  const devices = new Set(options.devices);
  return (message) => {
    const view = new MessageView(message);
    const time = readTime(view);
    const timeMs = typeof time === 'string' ? Date.parse(time) : Number.NaN;
    if (Number.isNaN(timeMs)) return undefined;
    const device = readDevice.map((read) => read(view)).find((id) => id !== undefined);
    const isWanted = devices.size === 0 || (device !== undefined && devices.has(device));
    return { timeMs, device, isSelected: isWanted && timeMs >= from && timeMs < until };
  };
}
