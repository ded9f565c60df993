/** Exit codes of a command. */
export const EXIT = {
  clean: 0,
  /** The command failed after it had connected, or something was abandoned at shutdown. */
  failed: 1,
  /** The configuration or the command line was refused before anything connected. */
  configurationRefused: 2,
} as const;
