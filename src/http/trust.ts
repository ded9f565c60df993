import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import type { Context } from 'hono';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Set by proxies: the client is somewhere else, even if the proxy runs on this machine. */
const FORWARDED = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'];

/**
 * Returns whether a client may see message contents: it sends the token, or it runs on this machine.
 *
 * A connection from this machine is not enough. The Host header must also be a loopback name, or a page of another
 * origin could read contents through DNS rebinding; the browser must not call on behalf of another origin; and no proxy
 * may have forwarded the request.
 */
export function isTrusted(context: Context, token: string | undefined): boolean {
  return hasToken(context.req.header('authorization'), token) || isLocal(context);
}

function hasToken(authorization: string | undefined, token: string | undefined): boolean {
  if (token === undefined || authorization === undefined) return false;
  const [scheme = '', given = ''] = authorization.split(' ', 2);
  // Hashes have a fixed length, so that the comparison takes constant time.
  return scheme.toLowerCase() === 'bearer' && timingSafeEqual(sha256(given), sha256(token));
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

function isLocal({ req, env }: Context): boolean {
  const incoming: IncomingMessage | undefined = env?.incoming;
  if (!isLoopbackAddress(incoming?.socket.remoteAddress ?? '')) return false;
  if (!isLoopbackHost(req.header('host') ?? '')) return false;
  if (FORWARDED.some((name) => req.header(name) !== undefined)) return false;
  const site = req.header('sec-fetch-site');
  return site === undefined || site === 'same-origin' || site === 'none';
}

function isLoopbackAddress(address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return isIP(plain) !== 0 && LOOPBACK.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
}

/** Of a Host header: `localhost`, an address of 127.0.0.0/8, or `[::1]`, each with or without a port. */
function isLoopbackHost(host: string): boolean {
  const [, name = '', ipv6 = ''] = /^(?:([a-z0-9.-]+)|\[([0-9a-f:]+)\])(?::\d{1,5})?$/i.exec(host) ?? [];
  if (ipv6 !== '') return isIPv6(ipv6) && isLoopbackAddress(ipv6);
  return name.toLowerCase() === 'localhost' || (isIPv4(name) && isLoopbackAddress(name));
}
