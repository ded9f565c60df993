import { hostname } from 'node:os';
import { styleText } from 'node:util';
import { type Logger, type LoggerOptions, pino } from 'pino';
import { packageVersion } from '../util/version.ts';
import { chosenFormat, type LogFormat } from './log-format.ts';
import { isOnTerminal, standardErrorLog, standardOutputLog } from './standard-error.ts';

export interface LogDestination {
  /** Accepts one line, with its line feed. */
  write(line: string): unknown;
  /** Lines that were not written. */
  readonly dropped?: number;
}

export interface LoggerSettings {
  readonly level: string;
  readonly format?: LogFormat | undefined;
  /** Gets lines of the format `json`, unless another one is named. Default: the log of the process. */
  readonly destination?: LogDestination | undefined;
}

/** Severities of Cloud Logging by pino's levels. */
const SEVERITIES: Readonly<Record<string, string>> = {
  ...{ trace: 'DEBUG', debug: 'DEBUG', info: 'INFO', warn: 'WARNING', error: 'ERROR', fatal: 'CRITICAL' },
};

/** Lines with the fields that Cloud Logging reads: `severity`, `time` (RFC 3339), `message`. */
const GOOGLE: LoggerOptions = {
  messageKey: 'message',
  timestamp: pino.stdTimeFunctions.isoTime,
  formatters: { level: (label) => ({ severity: SEVERITIES[label] ?? 'DEFAULT' }) },
};

/** Opens the log of a service. Each line has the service, the pipeline, the version and the instance. */
export function openLogger(
  names: { readonly service: string; readonly pipeline: string },
  { level, format = 'auto', destination: given }: LoggerSettings,
): { readonly log: Logger; readonly destination: LogDestination } {
  const isDefault = format === 'auto' && given !== undefined;
  const chosen = isDefault ? 'json' : chosenFormat(format, { env: process.env, isTerminal: isOnTerminal() });
  const destination = given ?? (chosen === 'google' ? standardOutputLog() : standardErrorLog());
  const write =
    chosen === 'pretty'
      ? (line: string) => destination.write(prettyLine(line, given === undefined))
      : (line: string) => destination.write(line);
  const options: LoggerOptions = {
    level,
    base: { ...names, version: packageVersion(), instance: hostname() },
    redact: ['password', '*.password'],
    ...(chosen === 'google' ? GOOGLE : {}),
  };
  return { log: pino(options, { write }), destination };
}

/** Members of a JSON line that a pretty one shows elsewhere or leaves out. */
const NOT_DETAILS: ReadonlySet<string> = new Set([
  ...['level', 'time', 'service', 'pipeline', 'version', 'instance', 'event', 'msg'],
]);
const CONTROL_CHARACTERS = /\p{Cc}+/gu;
const WARN_LEVEL = 40;
const ERROR_LEVEL = 50;

/** Converts a JSON line: `12:00:01.250 WARN  enrich  publishing failed, retrying  topic: raw  (publish.retried)`. */
export function prettyLine(line: string, isStyled: boolean): string {
  const entry: Readonly<Record<string, unknown>> = JSON.parse(line);
  const { level, time, pipeline, event, msg } = entry;
  const label = pino.levels.labels[Number(level)] ?? '';
  const details = Object.entries(entry)
    .filter(([name]) => !NOT_DETAILS.has(name))
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const style = (format: Parameters<typeof styleText>[0], text: string) =>
    isStyled ? styleText(format, text, { stream: process.stderr }) : text;
  const color = Number(level) >= ERROR_LEVEL ? 'red' : Number(level) >= WARN_LEVEL ? 'yellow' : 'green';
  const plain = (text: unknown) => String(text).replaceAll(CONTROL_CHARACTERS, ' ');
  const parts = [
    `${style('dim', new Date(Number(time)).toISOString().slice(11, 23))} ${style(color, label.toUpperCase().padEnd(5))} ${plain(pipeline)}`,
    plain(msg),
    ...details.map(plain),
    ...(event === undefined ? [] : [style('dim', `(${plain(event)})`)]),
  ];
  return `${parts.join('  ')}\n`;
}
