import type { protos } from '@google-cloud/pubsub';
import { status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Decoded } from './protos.ts';
import { invalidArgument, notFound, rpcError, unary } from './rpc.ts';

type ListRequest = Decoded<protos.google.pubsub.v1.IListTopicsRequest>;
type UpdateRequest<S> = { topic?: S | null; subscription?: S | null; updateMask: { paths: string[] } | null };

const camelCase = (path: string) => path.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
const isSet = (value: unknown): boolean =>
  typeof value === 'object' && value !== null ? Object.values(value).some(isSet) : Boolean(value);

/** The differences between collections of topics and of subscriptions. */
interface Kind<Settings, Resource> {
  readonly name: 'Topic' | 'Subscription';
  /** The supported settings, and whether an update may change them; any other would have no effect. */
  readonly mutable: Readonly<Record<string, boolean>>;
  /** Fills in the defaults; throws for what the service would refuse. */
  readonly check: (asked: Settings) => Settings;
  readonly open: (settings: Settings) => Resource;
}

/** All topics or all subscriptions by full name, and the calls that both share. */
export class Collection<Settings extends { name?: string | null }, Resource extends { settings: Settings }> {
  readonly byName = new Map<string, Resource>();
  readonly #kind: Kind<Settings, Resource>;

  constructor(kind: Kind<Settings, Resource>) {
    this.#kind = kind;
  }

  get(name: string): Resource {
    const resource = this.byName.get(name);
    if (resource !== undefined) return resource;
    this.#checkName(name);
    throw notFound(name);
  }

  methods(): UntypedServiceImplementation {
    const { name: kind, mutable, open } = this.#kind;
    return {
      [`Create${kind}`]: unary((name, asked: Settings) => {
        this.#checkName(name);
        if (this.byName.has(name)) throw rpcError(status.ALREADY_EXISTS, `Resource already exists (resource=${name}).`);
        const resource = open(this.#checked(asked));
        this.byName.set(name, resource);
        return resource.settings;
      }),
      [`Get${kind}`]: unary((name) => this.get(name).settings),
      [`Update${kind}`]: unary((name, { topic, subscription, updateMask }: UpdateRequest<Settings>) => {
        const resource = this.get(name);
        const changed = new Map<string, unknown>(Object.entries(topic ?? subscription ?? {}));
        const mask = updateMask?.paths.map(camelCase) ?? [];
        const wrong = mask.find((field) => !changed.has(field) || mutable[field] === false);
        if (mask.length === 0 || wrong !== undefined)
          throw invalidArgument(`The update_mask of a ${kind} must name mutable fields, not "${wrong ?? ''}".`);
        // An unset field returns to its default.
        const masked = Object.fromEntries(mask.map((field) => [field, changed.get(field)]));
        resource.settings = this.#checked({ ...resource.settings, ...masked });
        return resource.settings;
      }),
      [`List${kind}s`]: unary((project, { pageSize, pageToken }: ListRequest) => {
        if (!/^projects\/[^/]+$/.test(project) || pageSize < 0 || !/^\d*$/.test(pageToken))
          throw invalidArgument('The project, the page size or the page token is invalid.');
        const own = Array.from(this.byName.keys()).filter((name) => name.startsWith(`${project}/`));
        const end = Number(pageToken) + Math.min(pageSize || 1000, 1000);
        const found = own.slice(Number(pageToken), end).map((name) => this.get(name).settings);
        return { [`${kind.toLowerCase()}s`]: found, nextPageToken: end < own.length ? String(end) : '' };
      }),
    };
  }

  /** https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names */
  #checkName(name: string): void {
    const [, collection] = /^projects\/[^/]+\/(\w+)\/(?!goog)[A-Za-z][\w.~+%-]{2,254}$/.exec(name) ?? [];
    if (collection !== `${this.#kind.name.toLowerCase()}s`)
      throw invalidArgument(`Invalid [${this.#kind.name}] name: (name=${name})`);
  }

  #checked(asked: Settings): Settings {
    for (const [field, value] of Object.entries(asked))
      if (!Object.hasOwn(this.#kind.mutable, field) && isSet(value))
        throw rpcError(status.UNIMPLEMENTED, `The sandbox's Pub/Sub has no ${field} of a ${this.#kind.name}.`);
    return { ...this.#kind.check(asked), state: 'ACTIVE' };
  }
}
