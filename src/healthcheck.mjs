// What the container's HEALTHCHECK runs: 0 while the process answers.
const port = process.env.DATAFLOW_HTTP__PORT ?? process.env.HTTP_PORT ?? '8080';
try {
  const { ok } = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(2_500) });
  process.exitCode = ok ? 0 : 1;
} catch {
  process.exitCode = 1;
}
