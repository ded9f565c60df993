import { EXIT } from './exit-codes.ts';

/**
 * `compile`: loads everything that a service runs, so that Node's compile cache contains it. Used when building an
 * image.
 */
export async function compile(): Promise<number> {
  await Promise.all([
    import('./run.ts'),
    import('../services/ingestion/ingestion.ts'),
    import('../services/enrich/enrich.ts'),
    import('../services/icestore/icestore.ts'),
    import('../services/bigqueries/bigqueries.ts'),
  ]);
  return EXIT.clean;
}
