import { askLayers } from '../../lookup/layer-answers.ts';
import { type LookupCommandOptions, session } from './session.ts';

/** `lookup get <pipeline> <key>`: prints what each layer holds for a key, without changing anything. */
export function lookupGet(path: string, key: string, options: LookupCommandOptions): Promise<number> {
  return session(path, key, options, askLayers);
}
