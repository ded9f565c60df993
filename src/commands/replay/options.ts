import type { LineInput } from '../../formats/archived-message.ts';

/** Options of the command `replay`, under their command-line names. Times are milliseconds since 1970. */
export interface ReplayCommandOptions {
  readonly to: 'mqtt' | 'pubsub';
  readonly pipeline?: string;
  readonly url?: string;
  /** With `pubsub` the name of a topic, with `mqtt` a template of topics. */
  readonly topic?: string;
  readonly orderingKey: string;
  readonly project?: string;
  readonly speed: number;
  /** Milliseconds. */
  readonly spread?: number;
  readonly input: LineInput;
  readonly time: string;
  readonly from?: number;
  readonly until?: number;
  readonly device: readonly string[];
  readonly devicePath?: string;
  readonly dryRun: boolean;
  readonly json: boolean;
}
