import { forgetInLayers } from '../../lookup/layer-answers.ts';
import { type LookupCommandOptions, session } from './session.ts';

/** `lookup invalidate <pipeline> <key>`: removes a key from Redis. */
export function lookupInvalidate(path: string, key: string, options: LookupCommandOptions): Promise<number> {
  return session(path, key, options, forgetInLayers);
}
