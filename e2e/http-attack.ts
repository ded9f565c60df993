/** A thread that attacks one HTTP port until it is terminated, and reports the responses on request. */
import { connect, type Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

const { port, slowClients }: { port: number; slowClients: number } = workerData;
const answers = new Map<string, number>();

function dial(begin: (socket: Socket) => void): void {
  const socket = connect(port, '127.0.0.1', () => begin(socket));
  socket.on('data', (data) => {
    for (const answer of data.toString('latin1').match(/^HTTP\/1\.1 \d{3}/gm) ?? []) {
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
  });
  socket.on('error', () => {});
  socket.once('close', () => setTimeout(() => dial(begin), 1_000));
}

function slowLoris(socket: Socket): void {
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n');
  const drip = setInterval(() => socket.write('X'), 500);
  socket.once('close', () => clearInterval(drip));
}

function endlessBody(socket: Socket): void {
  socket.write('POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
  const feed = setInterval(() => socket.write(`1000\r\n${'x'.repeat(0x1000)}\r\n`), 20);
  socket.once('close', () => clearInterval(feed));
}

parentPort?.on('message', () => parentPort?.postMessage(answers));
for (let index = 0; index < slowClients; index += 1) setTimeout(() => dial(slowLoris), index);
for (let index = 0; index < 5; index += 1) {
  dial((socket) => socket.write(Buffer.from(Array.from({ length: 2_000 }, (_, byte) => (byte * 7) % 256))));
  dial((socket) => socket.write(`GET /healthz HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`));
  dial((socket) => socket.write('GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_000)));
  dial(endlessBody);
  // Connected, then silent.
  dial(() => {});
}
