import type { Storage } from '@google-cloud/storage';
import * as v from 'valibot';
import { answerOf } from '../../connectors/google/bounded-call.ts';
import { asHttpStartError } from '../../connectors/google/errors.ts';
import { errorCode, PoisonError } from '../../core/errors.ts';
import { archivedMessage } from '../../formats/archived-message.ts';
import { payloadJson } from '../../formats/payload-json.ts';
import { retryFor } from '../../operators/retry.ts';
import { parseExact } from '../../util/json/lossless-json.ts';
import { Archive } from '../replay/archive.ts';
import { pause } from './pause.ts';
import { SeenWindow } from './seen-window.ts';
import type { ShownField } from './shown-record.ts';

const LIST_TIMEOUT_MS = 60_000;
/** The number of objects that `follow` remembers by name, and the maximum of a listing. */
const KNOWN_OBJECTS = 20_000;
/** Objects that are read for the newest lines: the latest may contain older messages than the one before it. */
const LEAST_OBJECTS = 50;
/** Days that `follow` lists: messages are filed by their own time, which may be the day before. */
const FOLLOWED_DAYS = 3;
const NOT_FOUND = 404;
const IS_ARCHIVE = /\.jsonl?(\.gz)?$/;
/** Year, month and day, as icestore files messages. */
const DATE_LEVELS = [/^\d{4}$/, /^\d\d$/, /^\d\d$/];

const listing = v.object({ prefixes: v.optional(v.array(v.string()), []) });
const tokenSchema = v.nullish(v.object({ pageToken: v.optional(v.string()) }));

export interface ArchiveLocation {
  readonly bucket: string;
  /** Text before the names of the objects, as `bucket.prefix` has it. */
  readonly prefix: string;
}

interface ArchiveObject {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
}

interface Line {
  readonly fields: readonly ShownField[];
  /** Milliseconds since 1970. */
  readonly publishedMs: number;
}

/** A line of an archive, with its payload decoded. */
export type ArchiveLine = readonly ShownField[];

/** Reads the lines of an archive, newest first or as they arrive. */
export class ArchiveLines {
  readonly #storage: Storage;
  readonly #archive: Archive;
  readonly #folder: string;
  readonly #onUnreadable: (problem: string) => void;

  /** @param onUnreadable called for each object or line that cannot be read. */
  constructor(storage: Storage, { bucket, prefix }: ArchiveLocation, onUnreadable: (problem: string) => void) {
    this.#storage = storage;
    this.#archive = new Archive(storage, bucket);
    const folders = prefix.split('/').filter((part) => part !== '');
    this.#folder = folders.map((part) => `${part}/`).join('');
    this.#onUnreadable = onUnreadable;
  }

  /** Returns whether the bucket exists. */
  async exists(): Promise<boolean> {
    const list = () => answerOf('objects.list', () => this.#bucket.getFiles({ maxResults: 1, autoPaginate: false }));
    const found = await retryFor(
      () =>
        list().catch((thrown: unknown) => {
          if (Number(errorCode(thrown)) === NOT_FOUND) return undefined;
          throw thrown;
        }),
      (thrown) => this.#refusal(thrown),
    );
    return found !== undefined;
  }

  /** The newest lines, newest first. */
  async newest(limit: number): Promise<ArchiveLine[]> {
    return (await this.#newestLines(limit, () => true)).map(({ fields }) => fields);
  }

  /**
   * The newest lines, oldest first, then those of each object that is created, until the signal. Reads no object twice.
   * If objects are filed by day, those of the last three days are read.
   */
  async *follow(limit: number, everyMs: number, signal: AbortSignal): AsyncGenerator<ArchiveLine> {
    const seen = new SeenWindow<number>(KNOWN_OBJECTS);
    for (const { name, createdMs } of await this.#recentObjects(undefined)) seen.add(name, createdMs);
    const listedUpTo = seen.newest ?? Date.now();
    const first = await this.#newestLines(
      limit,
      ({ name, createdMs }) => createdMs < listedUpTo || !seen.isNew(name, createdMs),
    );
    for (const { fields } of first.toReversed()) yield fields;
    while (await pause(everyMs, signal)) {
      for (const object of await this.#recentObjects(seen.floor)) {
        if (signal.aborted) return;
        if (!seen.add(object.name, object.createdMs)) continue;
        for (const { fields } of await this.#linesOf(object)) yield fields;
      }
    }
  }

  #refusal(thrown: unknown): Error {
    return asHttpStartError('bucket', this.#archive.bucket, thrown);
  }

  get #bucket() {
    return this.#storage.bucket(this.#archive.bucket);
  }

  async #newestLines(limit: number, isWanted: (object: ArchiveObject) => boolean): Promise<Line[]> {
    let newest: Line[] = [];
    for await (const folder of this.#foldersNewestFirst(this.#folder, 0)) {
      if (newest.length === limit) break;
      const objects = await this.#objectsIn(folder, Math.max(limit, LEAST_OBJECTS), isWanted);
      for (const object of objects.toReversed()) {
        // No line is younger than its object.
        if (newest.length === limit && object.createdMs < (newest.at(-1)?.publishedMs ?? 0)) break;
        newest = [...newest, ...(await this.#linesOf(object))]
          .sort((one, other) => other.publishedMs - one.publishedMs)
          .slice(0, limit);
      }
    }
    return newest;
  }

  /** Objects of the last days, oldest first. */
  async #recentObjects(createdAfterMs = 0): Promise<ArchiveObject[]> {
    const objects: ArchiveObject[] = [];
    let days = 0;
    for await (const folder of this.#foldersNewestFirst(this.#folder, 0)) {
      if (days === FOLLOWED_DAYS) break;
      days += 1;
      objects.push(...(await this.#objectsIn(folder, KNOWN_OBJECTS, ({ createdMs }) => createdMs > createdAfterMs)));
    }
    return objects.sort(byCreation).slice(-KNOWN_OBJECTS);
  }

  /** Folders of days, latest first; if objects are not filed by day, the folder itself. */
  async *#foldersNewestFirst(folder: string, level: number): AsyncGenerator<string> {
    const wanted = DATE_LEVELS[level];
    const inside = wanted === undefined ? [] : await this.#foldersIn(folder);
    const areDates = inside.length > 0 && inside.every((path) => wanted?.test(path.slice(folder.length, -1)));
    if (!areDates) yield folder;
    else for (const path of inside.toSorted().toReversed()) yield* this.#foldersNewestFirst(path, level + 1);
  }

  async #foldersIn(prefix: string): Promise<string[]> {
    const found: string[] = [];
    for await (const { prefixes } of this.#pages({ prefix, delimiter: '/' })) found.push(...prefixes);
    return found;
  }

  /** The `most` latest objects of a folder and those below it, oldest first. */
  async #objectsIn(
    prefix: string,
    most: number,
    isWanted: (object: ArchiveObject) => boolean,
  ): Promise<ArchiveObject[]> {
    let found: ArchiveObject[] = [];
    for await (const { objects } of this.#pages({ prefix })) {
      found.push(...objects.filter(isWanted));
      if (found.length > 2 * most) found = found.sort(byCreation).slice(-most);
    }
    return found.sort(byCreation).slice(-most);
  }

  async *#pages(query: {
    readonly prefix: string;
    readonly delimiter?: string;
  }): AsyncGenerator<{ readonly objects: ArchiveObject[]; readonly prefixes: string[] }> {
    for (let pageToken: string | undefined; ; ) {
      const request = { ...query, autoPaginate: false, ...(pageToken === undefined ? {} : { pageToken }) };
      const [files, next, response] = await retryFor(
        () => answerOf('objects.list', () => this.#bucket.getFiles(request), LIST_TIMEOUT_MS),
        (thrown) => this.#refusal(thrown),
      );
      const objects = files
        .filter(({ name }) => IS_ARCHIVE.test(name))
        .map(({ name, metadata }) => ({ name, createdMs: Date.parse(String(metadata.timeCreated)) }));
      yield { objects, prefixes: v.parse(listing, response).prefixes };
      pageToken = v.parse(tokenSchema, next)?.pageToken;
      if (pageToken === undefined) return;
    }
  }

  /** The lines of an object, oldest first. */
  async #linesOf({ name }: ArchiveObject): Promise<Line[]> {
    const lines: Line[] = [];
    try {
      for (const [index, text] of (await this.#archive.read(name)).entries()) {
        const line = this.#lineOf(text, name, index);
        if (line !== undefined) lines.push(line);
      }
    } catch (thrown) {
      if (!(thrown instanceof PoisonError)) throw thrown;
      this.#onUnreadable(thrown.message);
    }
    return lines.sort((one, other) => one.publishedMs - other.publishedMs);
  }

  #lineOf(text: string, object: string, index: number): Line | undefined {
    try {
      const { message, archivedAtMs } = archivedMessage(text);
      const { id, publishTime, attributes, enrichmentData, payload } = message;
      const { mqtt_topic, ...others } = attributes;
      const { format, json } = payloadJson(payload);
      const value: unknown = parseExact(json);
      const fields: ShownField[] = [
        textField('publishTime', publishTime),
        ...(mqtt_topic === undefined ? [] : [textField('topic', mqtt_topic)]),
        { name: 'payload', json: JSON.stringify(value), ...(typeof value === 'string' ? { text: value } : {}) },
        textField('payloadFormat', format),
        textField('id', id),
        textField('archivedAt', new Date(archivedAtMs).toISOString()),
        textField('object', `gs://${this.#archive.bucket}/${object}`),
        { name: 'attributes', json: JSON.stringify(others) },
        { name: 'enrichmentData', json: JSON.stringify(enrichmentData) },
      ];
      return { fields, publishedMs: Date.parse(publishTime) };
    } catch (thrown) {
      if (!(thrown instanceof PoisonError)) throw thrown;
      this.#onUnreadable(`${object}, line ${index + 1}: ${thrown.message}`);
      return undefined;
    }
  }
}

function textField(name: string, text: string): ShownField {
  return { name, json: JSON.stringify(text), text };
}

function byCreation(one: ArchiveObject, other: ArchiveObject): number {
  return one.createdMs - other.createdMs || (one.name < other.name ? -1 : 1);
}
