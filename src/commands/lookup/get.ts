import { askLayers } from '../../lookup/layer-answers.ts';
import { type LookupCommandOptions, session } from './session.ts';

/** `lookup get <pipeline> <key>`: what each layer holds of a key. Changes nothing. */
export function lookupGet(path: string, key: string, options: LookupCommandOptions): Promise<number> {
  return session(path, key, options, askLayers);
}
