import type { Observable } from 'rxjs';
import type { GenericSchema } from 'valibot';
import type { ConfigIssue } from '../config/config-error.ts';
import type { Delivery, Outcome } from '../core/delivery.ts';
import type { CommonConfig } from './config.ts';
import { outlineOf } from './graph-outline.ts';
import { openTracing } from './open-tracing.ts';
import { createService, type Service, type ServiceParts } from './service.ts';
import {
  type CommonDependencies,
  type CommonProbes,
  type InFlightLimits,
  openServiceContext,
  type ServiceContext,
} from './service-context.ts';

/** Functions that a pipeline's `hooks.ts` exports. The service's types define their parameters and results. */
export type Hooks = Readonly<Record<string, unknown>>;

/** The lightweight half of a service, in `config.ts` of its folder: commands read it without loading clients. */
export interface ServiceSettings<Config> {
  readonly name: string;
  readonly schema: GenericSchema<unknown, Config>;
  /** Names that a pipeline's `hooks.ts` may export. */
  readonly hooks: readonly string[];
  /** Returns problems that depend on the hooks. */
  hookProblems?(config: Config, hooks: Hooks): ConfigIssue[];
  /** Returns problems that the schema does not check while other problems exist. */
  looseProblems?(value: unknown): ConfigIssue[];
  /** Returns warnings about allowed but probably unintended settings. */
  warnings?(config: Config, hooks: Hooks): string[];
}

/** Everything that the parts of one service are built from. */
export interface ServiceOpening<Config, Probes = unknown, Dependencies = CommonDependencies> {
  readonly config: Config;
  /** Hooks, and clients that replace those the service would create. */
  readonly dependencies: Partial<Dependencies>;
  readonly context: ServiceContext;
  readonly probes: CommonProbes & Probes;
}

/** The parts that every graph needs: its source, and the checks and closing of its clients. */
export type GraphParts = Omit<ServiceParts, 'graph'>;

/** The definition of a service for `defineService`. */
export interface ServiceDefinition<Config, Probes, Dependencies, Parts, Actions> extends ServiceSettings<Config> {
  readonly hooks: readonly (keyof NoInfer<Dependencies> & string)[];
  /** Returns the limits of unsettled messages. */
  inFlight(config: Config): InFlightLimits;
  /** Creates the probes that the service has besides the common ones. */
  probes(probe: ServiceContext['probe']): Probes;
  /** Opens clients at start, and builds the parts of the graph. */
  build(opening: ServiceOpening<NoInfer<Config>, NoInfer<Probes>, Dependencies>): Promise<Parts>;
  /** Composes the whole path of a delivery, up to its settlement. */
  graph(
    deliveries: Observable<Delivery>,
    opening: ServiceOpening<Config, Probes, Dependencies>,
    parts: NoInfer<Parts>,
  ): Observable<Outcome>;
  /** Adds functions to the service. `parts()` is undefined until `build` has completed. */
  actions?(parts: () => Parts | undefined): Actions;
}

/** Creates a service, without starting it, from a configuration parsed by its schema. */
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
    const build = async () => {
      await openTracing(context, config, dependencies.telemetry?.tracerProvider);
      const built = await definition.build(opening);
      parts = built;
      return { ...built, graph: (deliveries: Observable<Delivery>) => definition.graph(deliveries, opening, built) };
    };
    const service = createService(context, config, probes, build, outlineOf(definition.graph));
    return Object.assign(
      service,
      definition.actions?.(() => parts),
    );
  };
  return Object.assign(create, { settings: definition });
}
