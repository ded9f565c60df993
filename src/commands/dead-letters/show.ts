import type { DeadLetter } from '../../dead-letters/read-dead-letter.ts';
import { deadLetterPage, rowOf } from '../../tools/dead-letters/dead-letter-table.ts';
import { originalOf } from '../../tools/dead-letters/original-of.ts';
import { EXIT } from '../exit-codes.ts';
import { type ReadOptions, say, session } from './session.ts';

/** `dead-letters show <pipeline> <id>`: prints everything about one dead letter, ignoring filters and limits. */
export function showDeadLetter(path: string, id: string, options: ReadOptions): Promise<number> {
  return session(path, options, async ({ reader, subscription, storage, signal }) => {
    const deadLetter = await find(reader.pages(signal), id);
    if (deadLetter === undefined) {
      say(`${subscription.name} has no dead letter ${id}, or another reader holds it`);
      return EXIT.failed;
    }
    const original = await originalOf(deadLetter, storage);
    if (options.json) {
      const { attributes, orderingKey, data } = original;
      const base64 = Buffer.from(data).toString('base64');
      const whole = { attributes, orderingKey, data: base64 };
      console.log(JSON.stringify({ ...rowOf(deadLetter), attributes: deadLetter.attributes, original: whole }));
    } else console.log(deadLetterPage(deadLetter, original));
    return EXIT.clean;
  });
}

async function find(pages: AsyncIterable<readonly DeadLetter[]>, id: string): Promise<DeadLetter | undefined> {
  for await (const page of pages) {
    const deadLetter = page.find((candidate) => candidate.id === id);
    if (deadLetter !== undefined) return deadLetter;
  }
  return undefined;
}
