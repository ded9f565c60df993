/**
 * Names the batches that an item can travel in: those of its target and group. Keys with equal fields are the same key;
 * a sink that uses one object again for the next item saves its allocation.
 *
 *     new PartitionKey('raw', 'device-7', true)
 */
export class PartitionKey {
  /** What batches of this key depend on, and those of other targets do not: the name that an effect pauses with. */
  readonly target: string;
  /** What batches of one target are separated by, such as an ordering key. */
  readonly group: string;
  /** Whether one batch of this key is out at a time, so that batches keep the order of arrival. */
  readonly isSerial: boolean;
  /** Different for keys with different fields. The length separates target from group, whatever is in them. */
  readonly id: string;

  constructor(target: string, group = '', isSerial = false) {
    this.target = target;
    this.group = group;
    this.isSerial = isSerial;
    this.id = `${target.length} ${target}${group}`;
  }
}
