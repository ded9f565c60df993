import type { Suite } from './suite.ts';

type Close = () => unknown;

/** Everything that a test, or a whole suite, opens and must close again. */
export interface Scope {
  /** Calls `close` at the end, before what was registered earlier. */
  defer(close: Close): void;
  /** Closes the resource at the end, and returns it. */
  use<Resource extends { close(): unknown }>(resource: Resource): Resource;
}

function closingScope(register: (closeAll: () => Promise<void>) => void): Scope {
  const closing: Close[] = [];
  register(async () => {
    const problems: unknown[] = [];
    for (let close = closing.pop(); close !== undefined; close = closing.pop()) {
      try {
        await close();
      } catch (problem) {
        problems.push(problem);
      }
    }
    if (problems.length === 1) throw problems[0];
    if (problems.length > 1) throw new AggregateError(problems, 'several resources did not close');
  });
  return {
    defer: (close) => closing.push(close),
    use: (resource) => {
      closing.push(() => resource.close());
      return resource;
    },
  };
}

/** Closes what a test opened when the test ends, whatever its result, the latest first. */
export const testScope = ({ afterEach }: Pick<Suite, 'afterEach'>): Scope => closingScope(afterEach);

/** Closes what a suite opened after its last test, the latest first. */
export const suiteScope = ({ after }: Pick<Suite, 'after'>): Scope => closingScope(after);
