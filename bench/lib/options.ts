import { parseArgs } from 'node:util';
import { UsageError } from './usage-error.ts';

const PARTS = [
  'operators',
  'throughput',
  'latency',
  'insert',
  'dead-letters',
  'ordered',
  'objects',
  'idle',
  'growth',
] as const;
export type Part = (typeof PARTS)[number];

/** Parts that take minutes, or need a long run to mean anything. */
const NOT_QUICK: readonly Part[] = ['idle', 'growth'];
const QUICK_PARTS = PARTS.filter((part) => !NOT_QUICK.includes(part));

/** Options of one run of the bench. */
export interface Options {
  readonly isQuick: boolean;
  readonly json: boolean;
  /** 0: none. */
  readonly soakMinutes: number;
  /** The saved run to compare against. */
  readonly compare: string | undefined;
  readonly parts: readonly Part[];
  /** True if the run measures all parts of its kind. */
  readonly isWhole: boolean;
}

const SOAK_MINUTES = 10;

/** Refuses options that would measure nothing, or fail after all the work. */
export function optionsOf(args: readonly string[]): Options {
  const { quick, json, soak, compare, only, 'soak-minutes': minutes } = parsed(args);
  const soakMinutes = minutes === undefined ? (soak ? SOAK_MINUTES : 0) : minutesOf(minutes);
  const whole = quick ? QUICK_PARTS : PARTS;
  if (only === undefined) return { isQuick: quick, json, soakMinutes, compare, parts: whole, isWhole: true };
  const names = only.split(',');
  const parts = PARTS.filter((part) => names.includes(part));
  if (!names.every((name) => PARTS.some((part) => part === name))) {
    throw new UsageError(`--only ${only}: expected some of ${PARTS.join(', ')}, with commas between them`);
  }
  if (parts.some((part) => !whole.includes(part))) {
    throw new UsageError(
      `--quick --only ${only}: a quick run has no ${NOT_QUICK.join(' and no ')}; leave out --quick, or name some of ${QUICK_PARTS.join(', ')}`,
    );
  }
  if (soakMinutes > 0 && !parts.includes('throughput')) {
    throw new UsageError(
      `--soak --only ${only}: the soak runs at half of the rate that throughput measures; add throughput to --only, or leave out --only`,
    );
  }
  return { isQuick: quick, json, soakMinutes, compare, parts, isWhole: false };
}

/** A slope needs three one-minute means after the first fifth. Fewer have no interval. */
const LEAST_MINUTES = 5;

function minutesOf(text: string): number {
  const minutes = Number(text);
  if (Number.isInteger(minutes) && minutes >= LEAST_MINUTES) return minutes;
  throw new UsageError(`--soak-minutes ${text}: expected a whole number, at least ${LEAST_MINUTES}`);
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args,
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        soak: { type: 'boolean', default: false },
        'soak-minutes': { type: 'string' },
        compare: { type: 'string' },
        only: { type: 'string' },
      },
    }).values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // Further sentences describe positional arguments, which the bench does not have.
    const [reason] = error.message.split(/\.\s/);
    throw new UsageError(
      `${reason}; the bench takes --quick, --json, --soak, --soak-minutes N, --compare FILE and --only PARTS`,
    );
  }
}
