import { ConfigError } from '../../config/config-error.ts';
import { FatalError, toError } from '../../core/errors.ts';
import type { Declared } from '../../resources/declared-resources.ts';
import type { Step } from '../../resources/provision.ts';
import { withDeclared } from '../../resources/with-declared.ts';
import { readDeclaration } from '../../services/declaration.ts';
import { EXIT } from '../exit-codes.ts';

/** Reads the declarations of pipelines, opens the clients for them, and closes them afterwards. */
export async function session(
  paths: readonly string[],
  work: (declared: readonly Declared[]) => Promise<number>,
): Promise<number> {
  try {
    return await withDeclared(
      paths.map((path) => readDeclaration(path)),
      work,
    );
  } catch (thrown) {
    console.error(toError(thrown).message);
    return thrown instanceof ConfigError || thrown instanceof FatalError ? EXIT.configurationRefused : EXIT.failed;
  }
}

/** Prints one step. */
export function showStep({ kind, name, outcome, detail }: Step): void {
  console.log(`${outcome.padEnd(12)}  ${kind.padEnd(12)}  ${name}${detail === undefined ? '' : `  (${detail})`}`);
}

/** Prints the counts by outcome. */
export function finished(steps: readonly Step[], json: boolean): void {
  if (json) {
    console.log(JSON.stringify({ steps }));
    return;
  }
  const counts = Map.groupBy(steps, ({ outcome }) => outcome);
  console.error(
    Array.from(counts, ([outcome, those]) => `${those.length} ${outcome}`).join(', ') || 'nothing declared',
  );
}
