// Simulates a system clock that is set: shifts the wall clock by the milliseconds in CLOCK_STEP_FILE. Timers and the
// monotonic clock are unaffected, as on Linux. For `node --import`; plain JavaScript, because it is loaded before
// anything else.
import { readFileSync } from 'node:fs';

const READ_EVERY_MS = 20;
const SystemDate = Date;
const file = process.env.CLOCK_STEP_FILE ?? '';
let stepMs = 0;
const read = () => {
  try {
    stepMs = Number(readFileSync(file, 'utf8')) || 0;
  } catch {
    // Between two writes, the last step applies.
  }
};
read();
setInterval(read, READ_EVERY_MS).unref();
globalThis.Date = class extends SystemDate {
  constructor(...args) {
    if (args.length === 0) super(SystemDate.now() + stepMs);
    else super(...args);
  }
  static now() {
    return SystemDate.now() + stepMs;
  }
};
