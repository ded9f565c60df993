import type { Letter } from '../../dead-letters/dead-letter.ts';
import { letterPage, rowOf } from '../../tools/dead-letters/dead-letter-table.ts';
import { originalOf } from '../../tools/dead-letters/original-of.ts';
import { EXIT } from '../exit-codes.ts';
import { type ReadOptions, say, session } from './session.ts';

/** `dead-letters show <pipeline> <id>`: everything of one letter. Filters do not matter, and neither does the limit. */
export function showDeadLetter(path: string, id: string, options: ReadOptions): Promise<number> {
  return session(path, options, async ({ box, subscription, storage, signal }) => {
    const letter = await find(box.pages(signal), id);
    if (letter === undefined) {
      say(`${subscription.name} has no letter ${id}, or another reader holds it`);
      return EXIT.failed;
    }
    const original = await originalOf(letter, storage);
    if (options.json) {
      const { attributes, orderingKey, data } = original;
      const base64 = Buffer.from(data).toString('base64');
      const whole = { attributes, orderingKey, data: base64 };
      console.log(JSON.stringify({ ...rowOf(letter), attributes: letter.attributes, original: whole }));
    } else console.log(letterPage(letter, original));
    return EXIT.clean;
  });
}

async function find(pages: AsyncIterable<readonly Letter[]>, id: string): Promise<Letter | undefined> {
  for await (const page of pages) {
    const letter = page.find((candidate) => candidate.id === id);
    if (letter !== undefined) return letter;
  }
  return undefined;
}
