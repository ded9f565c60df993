/** Our icestore service, with only undecodable messages. */
import '../../src/v8-options.ts';
import { createIcestore } from '../../src/services/icestore/icestore.ts';
import { icestoreConfig } from '../lib/icestore-config.ts';
import { Meter } from '../lib/meter.ts';
import { namesOf, task } from '../lib/task.ts';

const own = task();
const names = namesOf(own);
const config = icestoreConfig(names);
const service = createIcestore(config);
const meter = new Meter(own);
const nothing = { payload: Buffer.alloc(0) };
service.probes.deadLettered.subscribe(() => meter.settled(nothing));
await service.start();
