import type { GoogleConfig } from '../../connectors/google/google-config.ts';
import { createStorageClient } from '../../connectors/storage/client.ts';
import { oneLine } from '../../tools/dead-letters/printable.ts';
import { ArchiveLines, type ArchiveLocation } from '../../tools/look/archive-lines.ts';
import { EXIT } from '../exit-codes.ts';
import { projectOf } from '../project.ts';
import { configOf, exported, type LookOptions, say, session } from './session.ts';

interface Target {
  readonly google: GoogleConfig;
  readonly location: ArchiveLocation;
}

/** `look archive [pipeline]`: the lines of an archive, newest first or as they arrive. */
export async function lookArchive(path: string | undefined, options: LookOptions): Promise<number> {
  const { limit, follow } = options;
  return session(
    () => targetOf(path),
    'storage',
    options,
    async ({ google, location }, { signal, everyMs, show }) => {
      let unreadable = 0;
      const lines = new ArchiveLines(createStorageClient(google), location, (problem) => {
        unreadable += 1;
        say(`cannot be read: ${oneLine(problem)}`);
      });
      if (!(await lines.exists())) {
        const folder = path ?? 'pipelines/…';
        say(`Cloud Storage has no bucket ${location.bucket}; this creates it: npm run cli -- provision ${folder}`);
        return EXIT.failed;
      }
      if (follow) for await (const line of lines.follow(limit, everyMs, signal)) await show(line);
      else {
        const newest = await lines.newest(limit);
        for (const line of newest) await show(line);
        if (newest.length === 0 && limit > 0) say(`gs://${location.bucket}/${location.prefix} has no messages yet`);
      }
      return unreadable > 0 ? EXIT.failed : EXIT.clean;
    },
  );
}

function targetOf(path: string | undefined): Target {
  if (path !== undefined) {
    const { google, bucket } = configOf(path, 'icestore');
    return { google, location: { bucket: bucket.name, prefix: bucket.prefix } };
  }
  const [bucket = ''] = exported(['ARCHIVE_BUCKET'], 'pipelines/icestore');
  const prefix = process.env.ARCHIVE_PREFIX ?? process.env.BUCKET_PREFIX ?? 'raw';
  return { google: { projectId: projectOf({}) }, location: { bucket, prefix } };
}
