import { VirtualTimeScheduler } from 'rxjs';

/** A clock with timers that only advances when a test advances it. */
export class ManualScheduler extends VirtualTimeScheduler {
  constructor() {
    super(undefined, 0);
  }

  /** Runs, in order, the timers due within the next `ms`. */
  advance(ms: number): void {
    this.maxFrames += ms;
    this.flush();
    this.frame = this.maxFrames;
  }
}
