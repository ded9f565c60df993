/** Options of the command `replay`, as they are named on the command line. Times are milliseconds since 1970. */
export interface ReplayCommandOptions {
  readonly to: 'mqtt' | 'pubsub';
  readonly pipeline?: string;
  readonly url?: string;
  readonly topic?: string;
  readonly orderingKey: string;
  readonly project?: string;
  readonly speed: number;
  readonly time: string;
  readonly from?: number;
  readonly until?: number;
  readonly device: readonly string[];
  readonly devicePath?: string;
  readonly dryRun: boolean;
  readonly json: boolean;
}
