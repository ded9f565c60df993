/** Our icestore service. */
import '../../src/v8-options.ts';
import { createIcestore } from '../../src/services/icestore/icestore.ts';
import { icestoreConfig } from '../lib/icestore-config.ts';
import { Meter } from '../lib/meter.ts';
import { namesOf, task } from '../lib/task.ts';

const own = task();
const names = namesOf(own);
const config = icestoreConfig(names);
const service = createIcestore({
  ...config,
  source: { ...config.source, maxInFlight: own.maxInFlight },
  archive: { ...config.archive, maxAgeMs: own.delayMs },
});
let objects = 0;
service.probes.stored.subscribe(() => {
  objects += 1;
});
const meter = new Meter(
  own,
  () => service.credit.peakMessages,
  () => objects,
);
service.probes.settled.subscribe(({ delivery }) => meter.settled(delivery.message));
await service.start();
await service.ready;
meter.ready();
