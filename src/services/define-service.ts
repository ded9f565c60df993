import type { Observable } from 'rxjs';
import type { GenericSchema } from 'valibot';
import type { ConfigIssue } from '../config/config-error.ts';
import type { Delivery, Outcome } from '../core/delivery.ts';
import type { CommonConfig } from './config.ts';
import { createService, type Service, type ServiceParts } from './service.ts';
import {
  type CommonDependencies,
  type CommonProbes,
  type InFlightLimits,
  openServiceContext,
  type ServiceContext,
} from './service-context.ts';

/** Functions that a pipeline's `hooks.ts` exports. What they take and give back is up to the service's types. */
export type Hooks = Readonly<Record<string, unknown>>;

/** The light half of a service, in `config.ts` of its folder: commands read it without loading clients. */
export interface ServiceSettings<Config> {
  readonly name: string;
  readonly schema: GenericSchema<unknown, Config>;
  /** Names that a pipeline's `hooks.ts` may export. */
  readonly hooks: readonly string[];
  /** Lists problems that only show once the hooks are known. */
  hookProblems?(config: Config, hooks: Hooks): ConfigIssue[];
  /** Lists problems that the schema does not look for while others keep it from doing so. */
  looseProblems?(value: unknown): ConfigIssue[];
  /** Lists what is allowed, and probably not meant. */
  warnings?(config: Config, hooks: Hooks): string[];
}

/** Everything that the parts of one service are built from. */
export interface ServiceOpening<Config, Probes = unknown, Dependencies = CommonDependencies> {
  readonly config: Config;
  /** Hooks, and clients that stand in the place of those that the service would build. */
  readonly dependencies: Partial<Dependencies>;
  readonly context: ServiceContext;
  readonly probes: CommonProbes & Probes;
}

/** The parts that every graph needs: its source, and the checks and the closing of its clients. */
export type GraphParts = Omit<ServiceParts, 'graph'>;

/** A service as `defineService` takes it. */
export interface ServiceDefinition<Config, Probes, Dependencies, Parts, Actions> extends ServiceSettings<Config> {
  readonly hooks: readonly (keyof NoInfer<Dependencies> & string)[];
  /** Limits the messages that are unsettled at one time. */
  inFlight(config: Config): InFlightLimits;
  /** Creates the probes that the service has beside the common ones. */
  probes(probe: ServiceContext['probe']): Probes;
  /** Opens clients at start, and builds what the graph needs of them. */
  build(opening: ServiceOpening<NoInfer<Config>, NoInfer<Probes>, Dependencies>): Promise<Parts>;
  /** Composes the whole way of a delivery, up to its settlement. */
  graph(
    deliveries: Observable<Delivery>,
    opening: ServiceOpening<Config, Probes, Dependencies>,
    parts: Parts,
  ): Observable<Outcome>;
  /** Adds functions to the service. `parts()` is undefined until `build` has ended. */
  actions?(parts: () => Parts | undefined): Actions;
}

/** Creates a service that has not been started, from a configuration that its schema has parsed. */
export interface ServiceFactory<Config, Dependencies, Created> {
  (config: Config, dependencies?: Dependencies): Created;
  readonly settings: ServiceSettings<Config>;
}

/** Opens the books and the probes of a service, and no client. */
export function openingOf<Config extends CommonConfig, Probes, Dependencies extends CommonDependencies>(
  {
    name,
    inFlight,
    probes,
  }: Pick<ServiceDefinition<Config, Probes, Dependencies, never, never>, 'name' | 'inFlight' | 'probes'>,
  config: Config,
  dependencies: Partial<Dependencies>,
): ServiceOpening<Config, Probes, Dependencies> {
  const { telemetry = {} } = dependencies;
  const context = openServiceContext(name, config, inFlight(config), { telemetry });
  return { config, dependencies, context, probes: { ...context.commonProbes(), ...probes(context.probe) } };
}

/**
 * Declares a service once: its settings, its probes, its parts and its graph.
 *
 * ```ts
 * export const createRelay = defineService({
 *   name: 'relay',
 *   schema: relaySchema,
 *   hooks: [],
 *   inFlight: ({ source }) => source,
 *   probes: (probe) => ({ decoded: probe<Delivery>('decoded', 'messages') }),
 *   build: openPubSubInput,
 *   graph: (deliveries, { probes }) => deliveries.pipe(decodeInput('raw'), tap(probes.decoded.hit), …, settle()),
 * });
 * ```
 */
export function defineService<
  Config extends CommonConfig,
  Probes,
  Parts extends GraphParts,
  Dependencies extends CommonDependencies = CommonDependencies,
  Actions = unknown,
>(
  definition: ServiceDefinition<Config, Probes, Dependencies, Parts, Actions>,
): ServiceFactory<Config, Dependencies, Service<CommonProbes & Probes> & Actions> {
  const create = (config: Config, dependencies: Partial<Dependencies> = {}) => {
    const opening = openingOf(definition, config, dependencies);
    const { context, probes } = opening;
    let parts: Parts | undefined;
    const service = createService(context, config, probes, async () => {
      const built = await definition.build(opening);
      parts = built;
      return { ...built, graph: (deliveries) => definition.graph(deliveries, opening, built) };
    });
    return Object.assign(
      service,
      definition.actions?.(() => parts),
    );
  };
  return Object.assign(create, { settings: definition });
}
