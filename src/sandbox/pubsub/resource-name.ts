import { invalidArgument } from './rpc.ts';

/** Rules of https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names. */
const ID = /^(?!goog)[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}$/;

/** Throws INVALID_ARGUMENT unless `name` is `projects/<project>/<collection>/<id>` with a valid id. */
export function checkName(collection: 'topics' | 'subscriptions', name: string): void {
  const [projects, project, given, id, ...more] = name.split('/');
  const valid = projects === 'projects' && project !== '' && given === collection && more.length === 0;
  if (!valid || id === undefined || !ID.test(id)) throw invalidArgument(`Invalid [${collection}] name: (name=${name})`);
}

/** The project of `projects/<project>` or of any name below it. */
export function projectOf(name: string): string {
  const [projects, project] = name.split('/');
  if (projects !== 'projects' || project === undefined || project === '')
    throw invalidArgument(`Invalid [projects] name: (name=${name})`);
  return project;
}
