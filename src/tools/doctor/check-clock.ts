import { type GoogleApi, isEmulated } from '../../connectors/google/credentials.ts';
import { toError } from '../../core/errors.ts';
import type { Check } from './finding.ts';
import { ANSWER_WITHIN_MS } from './google-calls.ts';

const NOTABLE_MS = 5_000;
/** Beyond this, certificates, tokens and the day of an archive may be wrong. */
const SEVERE_MS = 60_000;
/** The header has a resolution of one second. */
const RESOLUTION_MS = 1_000;

/** Compares the clock of this machine with the `Date` of a server. */
export function clockCheck(apis: readonly GoogleApi[], now: () => number): Check | undefined {
  const url = apis.map(addressOf).find((each) => each !== undefined);
  if (url === undefined) return undefined;
  return {
    part: 'clock',
    run: async (report) => {
      const sentAt = now();
      const reply = await dated(url);
      if (reply instanceof Error) {
        report('note', `is not checked: ${url}: ${reply.message}`);
        return;
      }
      const receivedAt = now();
      const serverTime = Date.parse(reply.headers.get('date') ?? '');
      if (Number.isNaN(serverTime)) {
        report('note', `is not checked: ${url} reports no time`);
        return;
      }
      const middle = (sentAt + receivedAt) / 2;
      const tolerance = RESOLUTION_MS + (receivedAt - sentAt) / 2;
      const skew = middle - serverTime - RESOLUTION_MS / 2;
      const away = Math.abs(skew) - tolerance;
      const what = `is ${(Math.abs(skew) / 1_000).toFixed(1)} s ${skew < 0 ? 'behind' : 'ahead of'} that of ${url}`;
      if (away > SEVERE_MS) report('error', `${what}: tokens and publish times are wrong`, 'set up NTP');
      else if (away > NOTABLE_MS) report('warning', what, 'set up NTP');
      else report('ok', `agrees with that of ${url}, to ${Math.ceil(tolerance / 1_000)} s`);
    },
  };
}

/** Returns an error instead of throwing: an unreachable time server does not affect messages. */
async function dated(url: string): Promise<Response | Error> {
  try {
    return await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  } catch (thrown) {
    return toError(thrown);
  }
}

/** An address of an API that answers HTTP; an emulator of a gRPC API does not. */
function addressOf(api: GoogleApi): string | undefined {
  if (!isEmulated(api)) return `https://${api}.googleapis.com/`;
  const host = { storage: process.env.STORAGE_EMULATOR_HOST, bigquery: process.env.BIGQUERY_EMULATOR_HOST }[
    String(api)
  ];
  if (host === undefined || host === '') return undefined;
  return host.includes('://') ? host : `http://${host}`;
}
