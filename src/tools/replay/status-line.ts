import { interval, type Subscription, tap } from 'rxjs';

const TERMINAL_EVERY_MS = 200;
const LOG_EVERY_MS = 2_000;

/** Shows a changing text on standard error: in place on a terminal, otherwise periodically as a line. */
export function statusLine(text: () => string): Subscription {
  const onTerminal = process.stderr.isTTY === true;
  const show = (): void => {
    // A wrapped line could not be overwritten.
    process.stderr.write(onTerminal ? `\r\u001b[K${text().slice(0, process.stderr.columns - 1)}` : `${text()}\n`);
  };
  const running = interval(onTerminal ? TERMINAL_EVERY_MS : LOG_EVERY_MS)
    .pipe(tap(show))
    .subscribe({
      // A failing display does not end the run.
      error: () => {},
    });
  if (onTerminal) running.add(() => process.stderr.write('\n'));
  return running;
}
