import { ConfigError } from '../../config/config-error.ts';
import { FatalError, toError } from '../../core/errors.ts';
import { readPipelineConfig } from '../../services/pipeline.ts';
import type { ServiceConfig } from '../../services/services.ts';
import type { DeadLetterFilter } from '../../tools/dead-letters/dead-letter-filter.ts';
import type { SubscriptionChoice } from '../../tools/dead-letters/find-subscription.ts';
import { type OpenDeadLetters, openDeadLetters } from '../../tools/dead-letters/open-dead-letters.ts';
import { onSignal } from '../../util/on-signal.ts';
import { EXIT } from '../exit-codes.ts';

/** Which dead letters to read, and for how long. */
interface ReadingOptions extends SubscriptionChoice {
  /** Reading ends when nothing new has come for so many seconds. */
  readonly idleTimeout: number;
}

/** Options of all three commands. */
export interface ReadOptions extends ReadingOptions {
  readonly json: boolean;
}

/** Options of the commands for many dead letters. */
export interface FilterOptions extends ReadOptions, DeadLetterFilter {
  /** Dead letters that match, at most. */
  readonly limit: number;
}

/** The parts that a command works with. */
export interface Session extends OpenDeadLetters {
  readonly config: ServiceConfig;
  readonly signal: AbortSignal;
}

/** Tells people: standard output is for what was asked for. */
export const say = (text: string): void => console.error(text);

/** Opens a pipeline's dead letters for a command, and closes them again; Ctrl-C is a signal to it, a second one ends at once. */
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
        say(`${opened.subscription.name} has a dead-letter policy of its own: each look counts as a delivery`);
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

/** A number of dead letters, in words. */
export function deadLetters(count: number): string {
  return `${count.toLocaleString('en-US')} dead letter${count === 1 ? '' : 's'}`;
}
