/** One server of the sandbox, listening on 127.0.0.1. */
export interface SandboxServer {
  /** The port it listens on: the requested one, or a free one. */
  readonly port: number;
  /** Ends every connection and stops listening. */
  close(): Promise<void>;
}
