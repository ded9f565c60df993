import * as assert from 'uvu/assert';
import type { RunResources } from '../demo/run-resources.ts';
import { countLines, countRows } from '../demo/sink-counts.ts';
import { eventually } from './eventually.ts';

/**
 * Waits until so many distinct ids have arrived in the table and in the bucket; fails when for so long not one of them
 * has: how long a backlog takes is the machine's affair.
 */
export async function arrivalInBothSinks(
  resources: RunResources,
  distinctIds: number,
  stuckAfterMs: number,
): Promise<void> {
  let arrived = 0;
  await eventually(
    async () => {
      const [rows, lines] = [await countRows(resources), await countLines(resources)];
      arrived = rows.distinctIds + lines.distinctIds;
      assert.is(rows.distinctIds, distinctIds, 'distinct rows');
      assert.is(lines.distinctIds, distinctIds, 'distinct lines');
    },
    { deadlineMs: stuckAfterMs, everyMs: 250, progress: () => arrived },
  );
}
