import { type Command, InvalidArgumentError } from 'commander';
import { wholeNumber } from './arguments.ts';
import { ending } from './ending.ts';
import type { LedgerOptions } from './ledger.ts';
import type { TapCommandOptions } from './tap.ts';

function condition(text: string, before: readonly string[]): readonly string[] {
  if (!text.includes('=')) throw new InvalidArgumentError('Expected path=value, such as attributes.site=berlin.');
  return [...before, text];
}

/** `1/100` is 100. */
function sample(text: string): number {
  const [, every] = /^1\/([1-9]\d{0,8})$/.exec(text) ?? [];
  if (every === undefined) throw new InvalidArgumentError('Expected a share such as 1/100.');
  return Number(every);
}

function rate(text: string): number {
  const value = Number(text.replace(/\/s$/, ''));
  if (Number.isInteger(value) && value >= 1 && value <= 500) return value;
  throw new InvalidArgumentError('Expected messages per second from 1 to 500, such as 10 or 10/s.');
}

/** Adds the commands that query running services. */
export function addLive(program: Command): void {
  program
    .command('tap')
    .description('print what passes a probe of a running service')
    .argument('<url>', 'address of the service, such as http://127.0.0.1:8080')
    .argument('[probe]', 'name of the probe; default: list the probes')
    .option(
      '--where <path=value>',
      'only messages with this text at the path; repeatable, and all must match',
      condition,
      [],
    )
    .option('--sample <1/n>', 'every nth of them', sample, 1)
    .option('--limit <n>', 'end after this number of messages', wholeNumber(1))
    .option('--rate <n>', 'maximum number of messages per second', rate)
    .option('--pipeline <name>', "on a platform's page: the pipeline")
    .option('--token <token>', 'http.token of the service; default: $DATAFLOW_HTTP__TOKEN')
    .option('--json', 'print one JSON object per line', false)
    .addHelpText('after', '\n  tap http://127.0.0.1:8080 enriched --where attributes.site=berlin --sample 1/100\n')
    .action(
      ending(async (url: string, probe: string | undefined, options: TapCommandOptions) =>
        (await import('./tap.ts')).tap(url, probe, options),
      ),
    );

  program
    .command('ledger')
    .description('compare the counts of running services: received, acknowledged, dead-lettered, in flight')
    .argument('<urls...>', "addresses of the services, such as http://127.0.0.1:8080, or of a platform's page")
    .option('--minutes <n>', 'the latest minutes of publish time, up to 180', wholeNumber(1, 180), 15)
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', '\n  ledger http://127.0.0.1:8081 http://127.0.0.1:8082 --minutes 30\n')
    .action(
      ending(async (urls: readonly string[], options: LedgerOptions) =>
        (await import('./ledger.ts')).ledger(urls, options),
      ),
    );
}
