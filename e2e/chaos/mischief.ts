import type { FaultRule } from '../../src/sandbox/faults/fault-rule.ts';
import type { ServiceName } from '../../src/services/services.ts';
import { PARTS, type Part } from '../../src/testing/proxied-servers.ts';
import { SERVICES } from '../../src/testing/test-run.ts';

/** One fault. */
export type Mischief =
  | { readonly kind: 'kill -9' | 'SIGTERM'; readonly service: ServiceName }
  | { readonly kind: 'connections cut'; readonly part: Part }
  /** The whole process stops, like a paused virtual machine. */
  | { readonly kind: 'server frozen'; readonly server: FrozenServer; readonly forMs: number }
  | { readonly kind: 'service frozen'; readonly service: ServiceName; readonly forMs: number }
  /** The wall clock of all services is set. */
  | { readonly kind: 'clock stepped'; readonly byMs: number }
  /** Nothing reads the service's output until the fault ends. */
  | { readonly kind: 'stderr stalled'; readonly service: ServiceName }
  | { readonly kind: 'server unreachable'; readonly part: Part; readonly forMs: number }
  | { readonly kind: 'server silent'; readonly part: Part; readonly forMs: number }
  | {
      readonly kind: 'calls refused' | 'answers lost' | 'calls late' | 'rows refused' | 'streams broken';
      readonly rule: FaultRule;
    };

export const FROZEN_SERVERS = ['mosquitto', 'redis-server'] as const;
export type FrozenServer = (typeof FROZEN_SERVERS)[number];

const LONGEST_OUTAGE_MS = 3_000;
const LONGEST_STEP_MS = 3_600_000;

/** Weights of the faults. */
const KINDS = [
  ...Array<'kill -9'>(10).fill('kill -9'),
  'SIGTERM',
  'connections cut',
  'connections cut',
  'server unreachable',
  'server silent',
  'server frozen',
  'service frozen',
  'clock stepped',
  'clock stepped',
  'stderr stalled',
  'calls refused',
  'calls refused',
  'answers lost',
  'answers lost',
  'calls late',
  'rows refused',
  'streams broken',
] as const satisfies readonly Mischief['kind'][];

/** Calls that can fail, with the names of the sandbox's rules. */
const CALLS = [
  { server: 'pubsub', method: 'Publish' },
  { server: 'pubsub', method: 'Acknowledge' },
  { server: 'pubsub', method: 'ModifyAckDeadline' },
  { server: 'firestore', method: 'BatchGetDocuments' },
  { server: 'storage', method: 'storage.objects.insert' },
  { server: 'bigquery', method: 'tabledata.insertAll' },
] as const satisfies readonly FaultRule[];

/** A linear congruential generator: numbers in [0, 1) that a seed reproduces. */
export function randomBy(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}

/** Chooses the next fault: the same seed gives the same faults in the same order. */
export function* mischiefBy(seed: number): Generator<Mischief, never> {
  const random = randomBy(seed);
  const one = <T>(of: readonly T[]): T => {
    const chosen = of[Math.floor(random() * of.length)];
    if (chosen === undefined) throw new Error('nothing to choose from');
    return chosen;
  };
  for (;;) {
    const kind = one(KINDS);
    const seedOfRule = Math.floor(random() * 1e9);
    const forMs = Math.round(500 + random() * (LONGEST_OUTAGE_MS - 500));
    const call = one(CALLS);
    const isGrpc = call.server === 'pubsub' || call.server === 'firestore';
    switch (kind) {
      case 'kill -9':
      case 'SIGTERM':
        yield { kind, service: one(SERVICES) };
        break;
      case 'stderr stalled':
        yield { kind, service: one(SERVICES) };
        break;
      case 'service frozen':
        yield { kind, service: one(SERVICES), forMs };
        break;
      case 'server frozen':
        yield { kind, server: one(FROZEN_SERVERS), forMs };
        break;
      case 'clock stepped':
        yield { kind, byMs: Math.round((random() * 2 - 1) * LONGEST_STEP_MS) };
        break;
      case 'connections cut':
        yield { kind, part: one(PARTS) };
        break;
      case 'server unreachable':
      case 'server silent':
        yield { kind, part: one(PARTS), forMs };
        break;
      case 'calls refused':
        yield {
          kind,
          rule: {
            ...call,
            seed: seedOfRule,
            probability: 0.5,
            times: 20,
            error: { code: isGrpc ? 'UNAVAILABLE' : 503 },
          },
        };
        break;
      case 'answers lost':
        yield { kind, rule: { ...call, seed: seedOfRule, probability: 0.5, times: 10, dropResponse: true } };
        break;
      case 'calls late':
        yield { kind, rule: { ...call, seed: seedOfRule, probability: 0.5, times: 20, latencyMs: 200 } };
        break;
      case 'rows refused': {
        const rowErrors = { reason: 'backendError', probability: 0.2 };
        yield {
          kind,
          rule: { server: 'bigquery', method: 'tabledata.insertAll', seed: seedOfRule, times: 10, rowErrors },
        };
        break;
      }
      case 'streams broken':
        yield { kind, rule: { server: 'pubsub', method: 'StreamingPull', times: 3, error: { code: 'UNAVAILABLE' } } };
        break;
    }
  }
}
