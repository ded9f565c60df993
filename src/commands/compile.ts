import { EXIT } from './exit-codes.ts';

/** `compile`: loads what a service runs, so that Node's compile cache has it when the process ends. For an image. */
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
