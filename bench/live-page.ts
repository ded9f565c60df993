/**
 * Prints what a viewer of the live page costs each service: its CPU time in windows with and without a viewer, in turn, at a
 * steady load.
 *
 *     npm run bench:page -- [pairs of windows, 12] [seconds of a window, 10] [messages a second, 500] [services, all]
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LiveMessage } from '../src/http/snapshot.ts';
import { openScope } from '../src/testing/scope.ts';
import { readServerSentEvents } from '../src/testing/server-sent-events.ts';
import { startServers } from '../src/testing/servers.ts';
import type { ServiceProcess } from '../src/testing/service-process.ts';
import { openRun } from '../src/testing/test-run.ts';
import { cpuSecondsOf } from './lib/cpu.ts';
import { SERVICES } from './lib/services.ts';
import { spread } from './lib/statistics.ts';
import { studentT95 } from './lib/student-t.ts';

interface Measured {
  readonly name: string;
  readonly process: ServiceProcess;
  /** CPU time in percent of a core, of each window. */
  readonly with: number[];
  readonly without: number[];
}

const WARM_UP_MS = 15_000;
const SAMPLES = 5_000;

const [pairs = '12', seconds = '10', rate = '500', ...named] = process.argv.slice(2);
const services = SERVICES.filter((service) => named.length === 0 || named.includes(service));
const scope = openScope();
try {
  const { sandbox, mqttEnv } = await startServers(scope, { mosquitto: true });
  const run = await openRun(scope, {
    ...{ projectId: sandbox.projectId, mqttUrl: mqttEnv.MQTT_URL, devices: 100 },
    env: { ...sandbox.env, ...mqttEnv },
  });
  const running: Measured[] = [];
  for (const name of services) running.push({ name, process: await run.start(name), with: [], without: [] });
  const load = run.load({ ratePerSecond: Number(rate) });
  await sleep(WARM_UP_MS);

  const measure = async (isWatched: boolean): Promise<void> => {
    const viewers = isWatched
      ? running.map(({ process: { url } }) => readServerSentEvents<LiveMessage>(`${url}/live`))
      : [];
    const before = running.map(({ process: { pid } }) => cpuSecondsOf(pid));
    await sleep(Number(seconds) * 1_000);
    for (const [
      index,
      {
        process: { pid },
        ...results
      },
    ] of running.entries()) {
      const percent = ((cpuSecondsOf(pid) - (before[index] ?? 0)) / Number(seconds)) * 100;
      (isWatched ? results.with : results.without).push(percent);
    }
    if (viewers.some(({ events }) => events.length < Number(seconds) / 2)) throw new Error('a viewer saw too little');
    for (const viewer of viewers) viewer.close();
  };
  for (let pair = 0; pair < Number(pairs); pair += 1) {
    const order = pair % 2 === 0 ? [false, true] : [true, false];
    for (const isWatched of order) await measure(isWatched);
  }

  console.log(`CPU time in % of a core at ${rate} messages/s, ${pairs} pairs of windows of ${seconds} s`);
  console.log('service      without     with   difference (95 %)');
  for (const { name, with: watched, without } of running) {
    const differences = watched.map((percent, index) => percent - (without[index] ?? 0));
    const mean = differences.reduce((sum, each) => sum + each, 0) / differences.length;
    const variance = differences.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (differences.length - 1);
    const margin = studentT95(differences.length - 1) * Math.sqrt(variance / differences.length);
    const cells = [spread(without).median, spread(watched).median].map((percent) => percent.toFixed(2).padStart(9));
    console.log(`${name.padEnd(11)}${cells.join('')}   ${mean.toFixed(2)} ± ${margin.toFixed(2)}`);
  }

  // The machine's noise hides so small a difference: the time of the work itself, in a process of its own books.
  await load.stop();
  for (const { process: service } of running) await service.end();
  const platform = await run.startPlatform();
  await run.load({ ratePerSecond: Number(rate), count: Number(rate) * 10 }).done;
  for (const { live } of platform.all.filter(({ name }) => services.some((service) => service === name))) {
    const startedAt = performance.now();
    for (let sample = 0; sample < SAMPLES; sample += 1) JSON.stringify(live.snapshot());
    const ms = (performance.now() - startedAt) / SAMPLES;
    console.log(
      `${live.service.padEnd(11)} one sample takes ${(ms * 1_000).toFixed(0)} µs, ${(ms / 10).toFixed(3)} % of a core`,
    );
  }
} finally {
  await scope.close();
}
process.exit(0);
