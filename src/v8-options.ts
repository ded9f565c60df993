import { setFlagsFromString } from 'node:v8';

/*
 * Options of V8 and Node for a process that runs services: imported before everything else by whatever is one. What
 * they are worth is measured in docs/performance.md.
 */

/*
 * V8 watches what becomes of the objects that an object literal makes, and where most survive a collection of the young
 * generation, it makes further ones in the old generation at once. Messages in flight survive one such collection and
 * are dead soon after; but an object in the old generation stays until the next full collection, and keeps what it
 * refers to. So whole batches stayed after they were settled.
 */
setFlagsFromString('--no-allocation-site-pretenuring');

/*
 * Buffers lie outside of V8's heap. By default, 64 MB of them since the last full collection start the next one, however
 * small the heap is: a stream of messages gets there every second, and marking the heap took a quarter of the CPU time.
 * With the first option their bytes count as if they were in the heap, and one limit holds for both. By default that
 * limit is up to four times what is alive, and a service grew to 500 MB; with the second it is twice as much. V8 has the
 * first since 13, which came with Node 24.
 */
if (Number.parseInt(process.versions.v8, 10) >= 13) {
  setFlagsFromString('--external-memory-accounted-in-global-limit');
  setFlagsFromString('--heap-growing-percent=100');
}

/*
 * Node cuts small buffers out of slabs, and each buffer holds its slab: 64 KiB in Node 24. One message in a hundred that
 * waits would hold as much as all of them. With slabs of 16 KiB, 10,000 of such messages hold 160 MB at most; slabs of
 * 8 KiB took ingestion 0.3 µs more a message.
 */
Buffer.poolSize = 16 * 1024;
