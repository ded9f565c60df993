import { type HttpServer, serveHttp } from '../http/http-server.ts';
import { type PageOptions, pageApp } from '../http/page-app.ts';
import type { Service } from './service.ts';

export interface PlatformPageOptions extends PageOptions {
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** 0 takes a free one. Default: 0. */
  readonly port?: number;
}

/** Serves one live page of several services of this process, in the given order, until it is closed. */
export function servePlatformPage(
  services: readonly Service<unknown>[],
  { host = '127.0.0.1', port = 0, ...options }: PlatformPageOptions = {},
): Promise<HttpServer> {
  return serveHttp(
    pageApp(
      services.map(({ live }) => live),
      options,
    ),
    { host, port },
  );
}
