import { setFlagsFromString } from 'node:v8';

/*
 * Options of V8 and Node for a process that runs services; import this first. Their effect is measured in
 * docs/performance.md.
 */

/*
 * V8 tracks the objects of each literal. If most survive a collection of the young generation, it creates further ones
 * directly in the old generation. Messages in flight survive one such collection and die soon after, but an object in
 * the old generation stays until the next full collection and retains everything it refers to: whole settled batches.
 */
setFlagsFromString('--no-allocation-site-pretenuring');

/*
 * Buffers are outside V8's heap. By default, every 64 MB of them trigger a full collection, however small the heap: a
 * stream of messages reaches that every second, and marking took a quarter of the CPU time.
 *
 * The first option counts their bytes as heap, under a single limit. By default, that limit is up to four times the
 * live data, and a service grew to 500 MB; the second option makes it twice as much, or one and a half times as much
 * where memory matters more than CPU time. V8 has the first since version 13, in Node 24.
 */
if (Number.parseInt(process.versions.v8, 10) >= 13) {
  setFlagsFromString('--external-memory-accounted-in-global-limit');
  setFlagsFromString(`--heap-growing-percent=${savesMemory() ? 50 : 100}`);
}

/** Returns true if the operator chose a young generation of at most two times 16 MB. */
function savesMemory(): boolean {
  // V8 uses the last one, and the command line after NODE_OPTIONS.
  const options = [process.env.NODE_OPTIONS ?? '', ...process.execArgv].join(' ');
  const [, megabytes] = Array.from(options.matchAll(/--max[-_]semi[-_]space[-_]size[= ](\d+)/g)).at(-1) ?? [];
  return megabytes !== undefined && Number(megabytes) <= 16;
}

/*
 * Node allocates small buffers from slabs, and each buffer retains its slab: 64 KiB in Node 24. If one message in a
 * hundred waits, those would retain as much as all of them. With slabs of 16 KiB, 10,000 such messages retain at most
 * 160 MB; slabs of 8 KiB took ingestion 0.3 µs more per message.
 */
Buffer.poolSize = 16 * 1024;
