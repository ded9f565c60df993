// What the container's HEALTHCHECK runs: 0 while the process answers.
import { readFileSync } from 'node:fs';

/** The address written by the service, or, if it has not written one, the address from the environment. */
function address() {
  try {
    return readFileSync(process.env.HTTP_ADDRESS_FILE ?? '', 'utf8');
  } catch {
    const { DATAFLOW_HTTP__PORT, HTTP_PORT, PORT } = process.env;
    return `http://127.0.0.1:${DATAFLOW_HTTP__PORT ?? HTTP_PORT ?? PORT ?? '8080'}`;
  }
}

try {
  const { ok } = await fetch(`${address()}/healthz`, { signal: AbortSignal.timeout(2_500) });
  process.exitCode = ok ? 0 : 1;
} catch {
  process.exitCode = 1;
}
