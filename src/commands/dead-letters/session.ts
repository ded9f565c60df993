import { ConfigError } from '../../config/config-error.ts';
import { FatalError, toError } from '../../core/errors.ts';
import { readPipelineConfig } from '../../services/pipeline.ts';
import type { ServiceConfig } from '../../services/services.ts';
import type { DeadLetterFilter } from '../../tools/dead-letters/dead-letter-filter.ts';
import type { SubscriptionChoice } from '../../tools/dead-letters/find-subscription.ts';
import { type OpenDeadLetters, openDeadLetters } from '../../tools/dead-letters/open-dead-letters.ts';
import { onSignal } from '../../util/on-signal.ts';
import { EXIT } from '../exit-codes.ts';

/** Selects the dead letters to read, and limits the time. */
interface ReadingOptions extends SubscriptionChoice {
  /** Reading ends after this many seconds without new dead letters. */
  readonly idleTimeout: number;
}

/** Options of every command. */
export interface ReadOptions extends ReadingOptions {
  readonly json: boolean;
}

/** Options of the commands for many dead letters. */
export interface FilterOptions extends ReadOptions, DeadLetterFilter {
  /** The most matching dead letters. */
  readonly limit: number;
}

/** What a command works with. */
export interface Session extends OpenDeadLetters {
  readonly config: ServiceConfig;
  readonly signal: AbortSignal;
}

/** Prints a message to the user on standard error, since standard output carries the results. */
export const say = (text: string): void => console.error(text);

/**
 * Opens a pipeline's dead letters for a command, and closes them afterwards. Ctrl-C signals it; a second one exits
 * immediately.
 */
export async function session(
  path: string,
  options: ReadingOptions,
  work: (session: Session) => Promise<number>,
): Promise<number> {
  const stopped = new AbortController();
  onSignal(() => stopped.abort());
  try {
    const config = readPipelineConfig(path);
    const opened = await openDeadLetters(config, options, options.idleTimeout * 1_000);
    try {
      if (opened.subscription.hasPolicy) {
        say(`${opened.subscription.name} has its own dead-letter policy: each read counts as a delivery`);
      }
      return await work({ ...opened, config, signal: stopped.signal });
    } finally {
      await opened.close();
    }
  } catch (thrown) {
    say(toError(thrown).message);
    return thrown instanceof ConfigError || thrown instanceof FatalError ? EXIT.configurationRefused : EXIT.failed;
  }
}

/** Formats a number of dead letters. */
export function deadLetters(count: number): string {
  return `${count.toLocaleString('en-US')} dead letter${count === 1 ? '' : 's'}`;
}
