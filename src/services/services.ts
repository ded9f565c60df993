import type { ServiceFactory, ServiceSettings } from './define-service.ts';
import type { Service } from './service.ts';

/**
 * All services, in the order of the data flow: the settings of each, and its clients and graph on demand. Everything
 * that lists services derives from here. Loading all four takes 14 to 32 MB more than loading one.
 */
export const SERVICES = {
  ingestion: lazily(await import('./ingestion/config.ts'), () => import('./ingestion/ingestion.ts')),
  enrich: lazily(await import('./enrich/config.ts'), () => import('./enrich/enrich.ts')),
  icestore: lazily(await import('./icestore/config.ts'), () => import('./icestore/icestore.ts')),
  bigqueries: lazily(await import('./bigqueries/config.ts'), () => import('./bigqueries/bigqueries.ts')),
};

export type ServiceName = keyof typeof SERVICES;

export type ConfigOf<Name extends ServiceName> = Parameters<(typeof SERVICES)[Name]['create']>[0];

/** The configuration of any service, discriminated by `service`. */
export type ServiceConfig = { [Name in ServiceName]: ConfigOf<Name> }[ServiceName];

/** The service of this name, with its probes. */
export type ServiceOf<Name extends ServiceName> = {
  [Each in ServiceName]: Awaited<ReturnType<(typeof SERVICES)[Each]['create']>>;
}[Name];

export const SERVICE_NAMES: readonly ServiceName[] = Object.keys(SERVICES).filter(isServiceName);

export function isServiceName(name: unknown): name is ServiceName {
  return typeof name === 'string' && Object.hasOwn(SERVICES, name);
}

/** Returns whether a service has this name, and so its probes. */
export function isServiceOf<Name extends ServiceName>(
  service: Service<unknown>,
  name: Name,
): service is ServiceOf<Name> {
  return service.name === name;
}

/** A service whose clients and graph are loaded when it is created. */
export interface LazyService<Config, Dependencies, Created> {
  readonly settings: ServiceSettings<Config>;
  create(config: Config, dependencies?: Dependencies): Promise<Created>;
}

function lazily<Config, Dependencies, Created extends Service<unknown>>(
  { settings }: { readonly settings: ServiceSettings<Config> },
  load: () => Promise<{ readonly default: ServiceFactory<Config, Dependencies, Created> }>,
): LazyService<Config, Dependencies, Created> {
  return { settings, create: async (config, dependencies) => (await load()).default(config, dependencies) };
}
