/**
 * Identifies the batches that an item can join, by target and group. Keys with equal fields are the same; a sink may
 * reuse an object to save its allocation.
 *
 *     new PartitionKey('raw', 'device-7', true)
 */
export class PartitionKey {
  /** What batches of this key depend on, and batches of other targets do not. An effect pauses with this name. */
  readonly target: string;
  /** Separates batches of one target, for example by ordering key. */
  readonly group: string;
  /** True if only one batch of this key may be out at a time, which keeps the order of arrival. */
  readonly isSerial: boolean;
  /** Unique per combination of fields. The length separates target from group, whatever they contain. */
  readonly id: string;

  constructor(target: string, group = '', isSerial = false) {
    this.target = target;
    this.group = group;
    this.isSerial = isSerial;
    this.id = `${target.length} ${target}${group}`;
  }
}
