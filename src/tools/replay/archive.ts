import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Storage } from '@google-cloud/storage';
import { answerOf } from '../../connectors/google/bounded-call.ts';
import { asHttpError, asHttpStartError } from '../../connectors/google/errors.ts';
import { PoisonError, toError } from '../../core/errors.ts';
import { retryFor } from '../../operators/retry.ts';

const decompress = promisify(gunzip);
const READ_TIMEOUT_MS = 120_000;
/** The client fetches page after page, and an archive of years has many. */
const LIST_TIMEOUT_MS = 600_000;

/** The objects of an archive, written by icestore or others: JSON lines, gzip or plain. */
export class Archive {
  readonly #storage: Storage;
  readonly bucket: string;
  readonly prefix: string;

  /** @param location `bucket/prefix`, or `gs://bucket/prefix`. */
  constructor(storage: Storage, location: string) {
    const [bucket = '', ...prefix] = location.replace(/^gs:\/\//, '').split('/');
    this.#storage = storage;
    this.bucket = bucket;
    this.prefix = prefix.join('/');
  }

  /**
   * Returns the names of the objects with lines under the prefix.
   *
   * @throws FatalError if the bucket does not exist or may not be read.
   */
  async list(): Promise<string[]> {
    const [files] = await retryFor(
      () =>
        answerOf(
          'objects.list',
          () => this.#storage.bucket(this.bucket).getFiles({ prefix: this.prefix }),
          LIST_TIMEOUT_MS,
        ),
      (thrown) => asHttpStartError('<bucket/prefix>', this.bucket, thrown),
    );
    return files.map(({ name }) => name).filter((name) => /\.jsonl?(\.gz)?$/.test(name));
  }

  /**
   * Returns the lines of one object.
   *
   * @throws PoisonError if it is not gzip, although its name or first bytes say so.
   */
  async read(name: string): Promise<string[]> {
    const file = this.#storage.bucket(this.bucket).file(name);
    const [content] = await retryFor(
      () => answerOf(name, () => file.download({ decompress: false }), READ_TIMEOUT_MS),
      asHttpError,
    );
    const isGzip = name.endsWith('.gz') || (content[0] === 0x1f && content[1] === 0x8b);
    const text = await (isGzip ? decompress(content) : Promise.resolve(content)).catch((thrown: unknown) => {
      throw new PoisonError('undecodable', `${name}: ${toError(thrown).message}`, { cause: thrown });
    });
    return text
      .toString('utf8')
      .split('\n')
      .filter((line) => line.trim() !== '');
  }
}
