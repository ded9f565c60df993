import { EVENTS } from '../src/telemetry/events.ts';

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug'] as const;

const MEANINGS: Readonly<Record<(typeof LEVELS)[number], string>> = {
  fatal: 'The service ends.',
  error: 'Needs attention: messages wait or go back, or a setting keeps the service from working.',
  warn: 'Something failed and is retried, or a setting has a consequence that may be unintended.',
  info: 'Normal life of a service. A healthy start logs nothing above this level.',
  debug: 'Details of single messages.',
};

/** The page docs/events.md. */
export function eventsPage(): string {
  const events = Object.entries(EVENTS).sort(([one], [other]) => (one < other ? -1 : 1));
  const sections = LEVELS.map((level) => {
    const rows = events
      .filter(([, described]) => described.level === level)
      .map(([name, { message }]) => `| \`${name}\` | ${message.replaceAll('|', '\\|')} |`);
    return [`## ${level}`, '', MEANINGS[level], '', '| event | message |', '| --- | --- |', ...rows, ''].join('\n');
  });
  return `# Events

Everything that a service reports about itself, generated from \`src/telemetry/events.ts\` by \`npm run docs:events\`. Each
event is a line of the [log](logs.md), with the field \`event\`, and a count in the [metrics](metrics.md):
\`dataflow_events_total{event="…"}\`. Of a flood, 20 lines in 10 seconds are written and all are counted; the next line has
the number of those left out (\`suppressed\`).

${sections.join('\n')}`;
}
