import { type Declared, isOwn } from './declared-resources.ts';
import type { Kind } from './resource.ts';

/** The result of one resource. */
export interface Step {
  readonly kind: Kind;
  readonly name: string;
  readonly outcome:
    | 'created'
    | 'would create'
    /** Nothing to do. */
    | 'exists'
    /** It exists, and is not as declared. It is left as it is. */
    | 'differs'
    | 'deleted'
    | 'would delete'
    /** Nothing to do. */
    | 'absent'
    /** Somebody else's: left as it is. */
    | 'not ours'
    /** Ours, and kept for the reason given. */
    | 'kept';
  readonly detail?: string;
}

export interface ProvisionOptions {
  /** Says what would be done, and changes nothing. */
  readonly dryRun: boolean;
  readonly onStep?: (step: Step) => void;
}

/**
 * Creates what is missing, in order. What exists stays as it is, whoever has created it; where it is not as declared,
 * the step says how. To run it again is safe.
 */
export async function provision(declared: readonly Declared[], { dryRun, onStep }: ProvisionOptions): Promise<Step[]> {
  const steps: Step[] = [];
  for (const { resource, labels } of declared) {
    const { kind, name } = resource;
    const existing = await resource.look();
    if (existing === undefined && !dryRun) await resource.create(labels);
    const step: Step =
      existing === undefined
        ? { kind, name, outcome: dryRun ? 'would create' : 'created' }
        : existing.differences.length > 0
          ? { kind, name, outcome: 'differs', detail: existing.differences.join('; ') }
          : {
              ...{ kind, name, outcome: 'exists' },
              ...(isOwn(existing.labels, labels) ? {} : { detail: 'created by somebody else' }),
            };
    steps.push(step);
    onStep?.(step);
  }
  return steps;
}
