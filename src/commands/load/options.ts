/** Options of the command `load`, under their command-line names. */
export interface LoadCommandOptions {
  readonly url?: string;
  readonly pipeline?: string;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly caFile?: string;
  readonly insecureSkipVerify: boolean;
  readonly protocol: 4 | 5;
  readonly topic?: string;
  readonly devices: number;
  /** Messages per second; Infinity is as fast as the broker accepts them. */
  readonly rate: number;
  /** Milliseconds. */
  readonly duration?: number;
  readonly messages?: number;
  readonly payload?: string;
  readonly replay?: string;
  readonly project?: string;
  readonly qos: 0 | 1 | 2;
  readonly connections: number;
  readonly window: number;
  readonly seed: number;
  readonly run?: string;
  readonly json: boolean;
}
