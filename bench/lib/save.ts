import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pageOf } from './page.ts';
import type { Report } from './report.ts';

const FOLDER = join(import.meta.dirname, '../results');

/** Saves a whole run under the day's date. Quick runs and single parts overwrite the last one. */
export function save(report: Report, isWhole: boolean): string {
  mkdirSync(FOLDER, { recursive: true });
  const passing = report.isQuick ? 'quick' : isWhole ? undefined : 'part';
  const name = passing ?? nameOf(report.date.slice(0, 10), readdirSync(FOLDER));
  writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify(report, null, 1)}\n`);
  writeFileSync(join(FOLDER, `${name}.html`), pageOf(report));
  return `bench/results/${name}.json and bench/results/${name}.html`;
}

/** The date with the next number after the highest: after a file is removed, a later run must not get its name. */
export function nameOf(day: string, files: readonly string[]): string {
  const numbers = files.flatMap((file) => {
    const [, date, number = '1'] = /^(.{10})(?:\.(\d+))?\.(?:json|html)$/.exec(file) ?? [];
    return date === day ? [Number(number)] : [];
  });
  return numbers.length === 0 ? day : `${day}.${Math.max(...numbers) + 1}`;
}
