import { setFlagsFromString } from 'node:v8';

/**
 * Options of V8 for a process that runs services: imported before everything else by whatever is one.
 *
 * Allocation site pretenuring is switched off. V8 watches what becomes of the objects that an object literal makes, and
 * where most survive a collection of the young generation, it makes further ones in the old generation at once. Messages
 * in flight survive such a collection, and are dead soon after it; but an object in the old generation stays until the
 * next full collection, and keeps what it refers to. So whole batches stayed after they were settled: that took half of
 * a service's CPU time (docs/performance.md).
 */
setFlagsFromString('--no-allocation-site-pretenuring');
