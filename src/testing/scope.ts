import type { Suite } from './suite.ts';

type Close = () => unknown;

/** Closes everything that a test, a suite or a program has opened. */
export interface Scope {
  /** Calls `close` at the end, before earlier registrations. */
  defer(close: Close): void;
  /** Closes the resource at the end, and returns it. */
  use<Resource extends { close(): unknown }>(resource: Resource): Resource;
}

/** A scope that its owner closes. */
export interface OpenScope extends Scope {
  /** Closes everything, the latest first; a failure does not keep the others open. */
  close(): Promise<void>;
}

export function openScope(): OpenScope {
  const closing: Close[] = [];
  return {
    defer: (close) => closing.push(close),
    use: (resource) => {
      closing.push(() => resource.close());
      return resource;
    },
    close: async () => {
      const problems: unknown[] = [];
      for (let close = closing.pop(); close !== undefined; close = closing.pop()) {
        try {
          await close();
        } catch (problem) {
          problems.push(problem);
        }
      }
      if (problems.length === 1) throw problems[0];
      if (problems.length > 1) throw new AggregateError(problems, problems.map(String).join('\n'));
    },
  };
}

/** Closes the resources of a test when it ends, whatever its result. */
export function testScope({ afterEach }: Pick<Suite, 'afterEach'>): Scope {
  const scope = openScope();
  afterEach(scope.close);
  return scope;
}

/** Closes the resources of a suite after its last test. */
export function suiteScope({ after }: Pick<Suite, 'after'>): Scope {
  const scope = openScope();
  after(scope.close);
  return scope;
}
