/** The listener for Prometheus alone, and the token that it may have to show. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { METRICS_CONTENT_TYPE } from './render-metrics.js';
import { addProcessMetrics } from './registry.js';

const REQUEST_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 20;

export interface MetricsListenerOptions {
  port: number;
  host: string;
  /** undefined: whoever reaches the listener may read. */
  token: string | undefined;
  render: () => Promise<string>;
}

export interface MetricsListener {
  port: number;
  close(): void;
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** @param authorization the header as it came. */
export const isMetricsToken = (token: string, authorization: string | undefined): boolean =>
  timingSafeEqual(digest(`Bearer ${token}`), digest((authorization ?? '').replace(/^bearer +/i, 'Bearer ')));

/** Listens for `GET /metrics` and nothing else. @throws the system's error when the address cannot be listened on. */
export async function serveMetrics({ port, host, token, render }: MetricsListenerOptions): Promise<MetricsListener> {
  addProcessMetrics();
  const answer: RequestListener = (req, res) => {
    const path = (req.url ?? '').split('?', 1)[0];
    if (path !== '/metrics' || (req.method !== 'GET' && req.method !== 'HEAD')) res.writeHead(404).end();
    else if (token !== undefined && !isMetricsToken(token, req.headers.authorization))
      res.writeHead(401, { 'WWW-Authenticate': 'Bearer' }).end();
    else
      render().then(
        (text) => res.writeHead(200, { 'Content-Type': METRICS_CONTENT_TYPE }).end(text),
        () => res.writeHead(500).end(),
      );
  };
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, connectionsCheckingInterval: 5_000 }, answer);
  server.maxConnections = MAX_CONNECTIONS;
  server.listen(port, host);
  await once(server, 'listening');
  // It is there for as long as the process is, and is no reason for it to go on.
  server.unref();
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
