import { PoisonError, toError } from '../../core/errors.ts';
import type { Message } from '../../core/message.ts';
import { archivedMessage, type LineInput } from '../../formats/archived-message.ts';
import type { Archive } from './archive.ts';
import type { Selected } from './selection.ts';

/** A message with its time. */
export interface TimedMessage {
  readonly message: Message;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly device: string | undefined;
}

/** The result of a scan of an archive. */
export interface Scan {
  readonly objects: number;
  readonly lines: number;
  readonly selected: number;
  readonly devices: number;
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
  /** Number of selected messages by folder of their object. */
  readonly byFolder: ReadonlyMap<string, number>;
  /** Unreadable objects and lines, the first hundred. */
  readonly unreadable: readonly string[];
  readonly unreadableCount: number;
}

interface Entry {
  readonly name: string;
  readonly firstMs: number;
}

interface Line extends TimedMessage {
  readonly archivedAtMs: number;
}

const READS_AT_ONCE = 4;
const NAMED = 100;

/**
 * Sorts an archive by its messages' times. Objects are unordered and overlap, so they are read twice: `scan` records
 * the time at which each begins, and `messages` opens it when that time has come. Memory holds the objects that overlap
 * at one time, and three that are read ahead.
 *
 * Messages with equal times stay in the order of archiving.
 */
export class Timeline {
  readonly #archive: Archive;
  readonly #select: (message: Message) => Selected | undefined;
  readonly #input: LineInput;
  #entries: readonly Entry[] = [];
  /** The most objects open concurrently. */
  peakOpen = 0;

  constructor(archive: Archive, select: (message: Message) => Selected | undefined, input: LineInput = 'auto') {
    this.#archive = archive;
    this.#select = select;
    this.#input = input;
  }

  /** Reads every object once. Calls `onObject` with the number done and the total. */
  async scan(signal: AbortSignal, onObject: (done: number, of: number) => void = () => {}): Promise<Scan> {
    const names = await this.#archive.list();
    const entries: Entry[] = [];
    const unreadable: string[] = [];
    const devices = new Set<string>();
    const byFolder = new Map<string, number>();
    const total = { lines: 0, selected: 0, unreadable: 0, done: 0 };
    let firstMs: number | undefined;
    let lastMs: number | undefined;
    const queue = [...names];
    const worker = async (): Promise<void> => {
      for (let name = queue.pop(); name !== undefined && !signal.aborted; name = queue.pop()) {
        const { lines, count, problems } = await this.#open(name);
        total.lines += count;
        total.unreadable += problems.length;
        unreadable.push(...problems.slice(0, NAMED - unreadable.length));
        const [first] = lines;
        const last = lines.at(-1);
        if (first !== undefined && last !== undefined) {
          entries.push({ name, firstMs: first.timeMs });
          firstMs = Math.min(firstMs ?? first.timeMs, first.timeMs);
          lastMs = Math.max(lastMs ?? last.timeMs, last.timeMs);
          total.selected += lines.length;
          const folder = name.slice(0, name.lastIndexOf('/'));
          byFolder.set(folder, (byFolder.get(folder) ?? 0) + lines.length);
          for (const { device } of lines) if (device !== undefined) devices.add(device);
        }
        total.done += 1;
        onObject(total.done, names.length);
      }
    };
    await Promise.all(Array.from({ length: READS_AT_ONCE }, worker));
    this.#entries = entries.toSorted((one, other) => one.firstMs - other.firstMs);
    return {
      objects: names.length,
      lines: total.lines,
      selected: total.selected,
      devices: devices.size,
      firstMs,
      lastMs,
      byFolder: new Map([...byFolder].sort(([one], [other]) => (one < other ? -1 : 1))),
      unreadable,
      unreadableCount: total.unreadable,
    };
  }

  /** Yields the messages selected by the scan, in order. */
  async *messages(): AsyncGenerator<TimedMessage> {
    /** The unread lines of each open object; the one with the earliest next line is last. */
    const open: { readonly lines: readonly Line[]; next: number }[] = [];
    const head = (one: (typeof open)[number] | undefined): Line | undefined => one?.lines[one.next];
    const insert = (one: (typeof open)[number]): void => {
      const line = head(one);
      if (line === undefined) return;
      let low = 0;
      let high = open.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        const other = head(open[middle]);
        if (other !== undefined && byTime(line, other) < 0) low = middle + 1;
        else high = middle;
      }
      open.splice(low, 0, one);
      this.peakOpen = Math.max(this.peakOpen, open.length);
    };
    const ahead: Promise<{ lines: readonly Line[] }>[] = [];
    let asked = 0;
    for (let index = 0; index < this.#entries.length || open.length > 0; ) {
      const entry = this.#entries[index];
      const earliest = head(open.at(-1));
      if (entry !== undefined && (earliest === undefined || entry.firstMs <= earliest.timeMs)) {
        for (; asked < this.#entries.length && asked < index + READS_AT_ONCE; asked += 1) {
          const read = this.#open(this.#entries[asked]?.name ?? '');
          read.catch(() => {});
          ahead.push(read);
        }
        const { lines } = (await ahead.shift()) ?? { lines: [] };
        insert({ lines, next: 0 });
        index += 1;
        continue;
      }
      const current = open.pop();
      if (current === undefined || earliest === undefined) continue;
      current.next += 1;
      insert(current);
      yield earliest;
    }
  }

  /** Returns the selected lines of an object, in order, and the problems of others. */
  async #open(name: string): Promise<{ lines: Line[]; count: number; problems: string[] }> {
    const problems: string[] = [];
    let texts: string[];
    try {
      texts = await this.#archive.read(name);
    } catch (thrown) {
      if (!(thrown instanceof PoisonError)) throw thrown;
      return { lines: [], count: 0, problems: [thrown.message] };
    }
    const lines = texts.flatMap((text, index): Line[] => {
      try {
        const { message, archivedAtMs } = archivedMessage(text, this.#input);
        const selected = this.#select(message);
        if (selected === undefined) throw new PoisonError('undecodable', 'the path of --time has no time');
        return selected.isSelected ? [{ message, archivedAtMs, timeMs: selected.timeMs, device: selected.device }] : [];
      } catch (thrown) {
        if (!(thrown instanceof PoisonError)) throw thrown;
        problems.push(`${name}, line ${index + 1}: ${toError(thrown).message}`);
        return [];
      }
    });
    // A stable sort: lines with equal times stay in the order written.
    return { lines: lines.sort(byTime), count: texts.length, problems };
  }
}

function byTime(one: Line, other: Line): number {
  return one.timeMs - other.timeMs || one.archivedAtMs - other.archivedAtMs;
}
