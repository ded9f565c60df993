/** One server, several nodes of a cluster, or several sentinels. */
export interface RedisAddress {
  readonly isTls: boolean;
  readonly username?: string;
  readonly password?: string;
  readonly hosts: readonly { readonly host: string; readonly port?: number }[];
  readonly db?: number;
}

const URL_PARTS = /^(rediss?):\/\/(?:(?<user>[^/?#]*)@)?(?<hosts>[^/?#@]+)(?:\/(?<db>\d*))?$/;
const HOST_PARTS = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<name>[^:[\]\s]+))(?::(?<port>\d{1,5}))?$/;

/**
 * Parses `redis[s]://[user[:password]@]host[:port][,host[:port]…][/db]`; user and password may be URL-encoded.
 *
 * @returns undefined for any other text.
 */
export function parseRedisUrl(url: string): RedisAddress | undefined {
  const groups = URL_PARTS.exec(url)?.groups;
  if (groups === undefined) return undefined;
  const { user, hosts = '', db } = groups;
  const parsed: { host: string; port?: number }[] = [];
  for (const text of hosts.split(',')) {
    const found = HOST_PARTS.exec(text)?.groups;
    const host = found?.v6 ?? found?.name;
    const port = found?.port === undefined ? undefined : Number(found.port);
    if (host === undefined || (port !== undefined && (port === 0 || port > 65_535))) return undefined;
    parsed.push(port === undefined ? { host } : { host, port });
  }
  const [username, password] = credentials(user);
  return {
    isTls: url.startsWith('rediss:'),
    hosts: parsed,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(db === undefined || db === '' ? {} : { db: Number(db) }),
  };
}

function credentials(user: string | undefined): readonly [string | undefined, string | undefined] {
  if (user === undefined) return [undefined, undefined];
  const colon = user.indexOf(':');
  const name = colon === -1 ? user : user.slice(0, colon);
  const password = colon === -1 ? undefined : user.slice(colon + 1);
  return [
    name === '' ? undefined : decoded(name),
    password === '' || password === undefined ? undefined : decoded(password),
  ];
}

/** Decodes a URL component, keeping a `%` that encodes nothing. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
