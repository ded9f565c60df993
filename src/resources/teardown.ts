import { type Declared, isOwn } from './declared-resources.ts';
import type { ProvisionOptions, Step } from './provision.ts';
import type { Resource } from './resource.ts';

export interface TeardownOptions extends ProvisionOptions {
  /** Also deletes resources that hold messages, objects or rows. */
  readonly withData: boolean;
}

/**
 * Deletes what `provision` created for these owners, in reverse order. Keeps resources without the owner's labels, and
 * resources still in use. Safe to repeat.
 */
export async function teardown(declared: readonly Declared[], options: TeardownOptions): Promise<Step[]> {
  const steps: Step[] = [];
  const doomed = new Set<string>();
  for (const { resource, labels } of declared.toReversed()) {
    const { kind, name } = resource;
    const existing = await resource.look();
    let step: Step;
    if (existing === undefined) step = { kind, name, outcome: 'absent' };
    else if (!isOwn(existing.labels, labels)) {
      step = { kind, name, outcome: 'not ours', detail: `has no label pipeline=${labels.pipeline} of provision` };
    } else {
      const obstacle = await obstacleOf(resource, doomed, options.withData);
      if (obstacle !== undefined) step = { kind, name, outcome: 'kept', detail: obstacle };
      else {
        if (!options.dryRun) await resource.delete();
        doomed.add(name);
        step = { kind, name, outcome: options.dryRun ? 'would delete' : 'deleted' };
      }
    }
    steps.push(step);
    options.onStep?.(step);
  }
  return steps;
}

async function obstacleOf(
  resource: Resource,
  doomed: ReadonlySet<string>,
  withData: boolean,
): Promise<string | undefined> {
  const users = await resource.users(doomed);
  if (users !== undefined || withData) return users;
  const contents = await resource.contents();
  return contents === undefined ? undefined : `holds ${contents}; --with-data deletes it anyway`;
}
