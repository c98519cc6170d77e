/** The listening socket: its bounds, and its end. */
import { createServer, STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { GatewayError, newRequestId } from '@llm-gateway/shared';
import type { Express } from 'express';
import { bornExpress } from './http/born-express.js';
import { errorBody } from './http/errors.js';

const MAX_HEADER_BYTES = 16_384;
/** A slow sender holds a connection, nothing else; it is cut off after this. The answer may take as long as it takes. */
const HEADERS_TIMEOUT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 60_000;
/** Longer than the usual load balancer's, so that it is never we who close a connection that is being used. */
const KEEP_ALIVE_MS = 65_000;

export interface RunningServer {
  port: number;
  /** Stops accepting, lets requests in flight finish for at most `timeoutMs`, then cuts the rest. @returns whether all finished. */
  drain(timeoutMs: number): Promise<boolean>;
}

/** @throws the system's error when the address cannot be listened on. */
export async function serve(app: Express, address: { port: number; host: string }): Promise<RunningServer> {
  const bounds = { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS };
  const silent = new Set<Socket>();
  const listen = (req: IncomingMessage, res: ServerResponse): void => {
    silent.delete(req.socket);
    app(req, res);
  };
  const server = createServer(
    { ...bounds, ...bornExpress(app), keepAliveTimeout: KEEP_ALIVE_MS, connectionsCheckingInterval: 5_000 },
    listen,
  );
  server.on('clientError', refuseGarbage).on('connection', (socket: Socket) => trackSilence(silent, socket));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(address.port, address.host, resolve);
  });
  return { port: (server.address() as AddressInfo).port, drain: (timeoutMs) => drain(server, silent, timeoutMs) };
}

/** Connections on which nothing was ever sent, as clients keep them in reserve. Node does not count them as idle, and would wait for them. */
function trackSilence(silent: Set<Socket>, socket: Socket): void {
  silent.add(socket);
  socket.once('close', () => silent.delete(socket));
}

async function drain(server: Server, silent: ReadonlySet<Socket>, timeoutMs: number): Promise<boolean> {
  let finished = true;
  const cut = setTimeout(() => {
    finished = false;
    server.closeAllConnections();
  }, timeoutMs);
  // A kept-alive connection becomes idle when its last answer is out, which is after close() has looked.
  const sweep = setInterval(() => {
    server.closeIdleConnections();
    for (const socket of silent) if (socket.bytesRead === 0) socket.destroy();
  }, 50);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearTimeout(cut);
  clearInterval(sweep);
  return finished;
}

const CLIENT_ERRORS: Readonly<Record<string, { status: number; message: string }>> = {
  HPE_HEADER_OVERFLOW: { status: 431, message: `the headers are larger than ${MAX_HEADER_BYTES} bytes` },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, message: 'the request was not sent in time' },
};

/** What is no HTTP never reaches the routes; it gets the contract's body all the same. */
function refuseGarbage(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, message } = CLIENT_ERRORS[error.code ?? ''] ?? { status: 400, message: 'this is not an HTTP request' };
  const id = newRequestId();
  const body = JSON.stringify(errorBody(new GatewayError('invalid_request', message), id));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    'X-Content-Type-Options: nosniff',
    `X-Request-Id: ${id}`,
  ];
  socket.end(`${[...head, `Content-Length: ${Buffer.byteLength(body)}`].join('\r\n')}\r\n\r\n${body}`);
}
