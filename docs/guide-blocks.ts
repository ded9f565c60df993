import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Guides with code that a reader writes, in an order in which each finds what it builds on. */
export const GUIDES = ['add-a-sink', 'add-an-operator', 'add-a-service', 'write-a-hook'] as const;

/** One block of code of a guide. */
export type GuideBlock =
  /** A file that the reader writes: its first line names it in a comment. */
  | { readonly kind: 'file'; readonly path: string; readonly text: string }
  /** Lines that the reader adds to a file or takes out of it; the lines around them say where. */
  | { readonly kind: 'change'; readonly path: string; readonly before: string; readonly after: string }
  /** Commands that the reader runs, one a line. */
  | { readonly kind: 'commands'; readonly lines: readonly string[] };

const BLOCK = /^```(?<language>\S+)\n(?<text>.*?)^```$/gms;
const NAMED = /^(?:\/\/|#) (?<path>\S+\.\w+)\n/;

/** Reads the blocks of a guide, in their order. */
export function guideBlocks(guide: (typeof GUIDES)[number]): GuideBlock[] {
  const page = readFileSync(join(import.meta.dirname, `guides/${guide}.md`), 'utf8');
  return Array.from(page.matchAll(BLOCK), ({ groups: { language = '', text = '' } = {} }) => {
    if (language === 'console') return { kind: 'commands', lines: text.trimEnd().split('\n') };
    const path = NAMED.exec(text)?.groups?.path;
    if (path === undefined) throw new Error(`docs/guides/${guide}.md: a block of ${language} names no file`);
    if (language !== 'diff') return { kind: 'file', path, text };
    const lines = text.split('\n').slice(1, -1);
    const side = (sign: string) => lines.filter((line) => [' ', sign].includes(line.charAt(0)));
    const textOf = (side: readonly string[]) => side.map((line) => line.slice(1)).join('\n');
    return { kind: 'change', path, before: textOf(side('-')), after: textOf(side('+')) };
  });
}
