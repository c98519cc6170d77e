import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ProviderType } from '@llm-gateway/shared';
import { Ledger } from './ledger.js';
import { addressOf, readCall } from './read-call.js';
import { sendAnswer } from './send-answer.js';
import type { UpstreamAnswer, UpstreamCall, UpstreamHandler } from './upstream.js';
import { VENDOR_WIRES } from './vendor-wire.js';

export interface UpstreamOptions {
  /** How to answer each call. Default: a friendly success. */
  handler?: UpstreamHandler;
  /** A free one unless given. */
  port?: number;
  /** false under load: calls are counted, not kept. Default true. */
  keepCalls?: boolean;
}

/** A server that speaks all six vendors' protocols, for tests and measurements that need exact control. */
export interface Upstream {
  readonly port: number;
  /** The base URL to configure a provider with. @param label tells several providers of one type apart. */
  baseUrlFor(type: ProviderType, label?: string): string;
  /** Every call so far, in order of arrival. */
  readonly calls: readonly UpstreamCall[];
  /** How many calls came in since the start or the last reset; how many are open now; the most that ever were at once. */
  readonly counts: { readonly total: number; readonly open: number; readonly peak: number };
  /** Answers all calls from now on this way. */
  respond(handler: UpstreamHandler | UpstreamAnswer): void;
  /** Resolves once `total` calls have come in. */
  received(total: number): Promise<void>;
  /** Forgets the calls and the handler. */
  reset(): void;
  stop(): Promise<void>;
}

/** Starts a stand-in for the vendors on loopback, in this process. */
export async function startUpstream(options: UpstreamOptions = {}): Promise<Upstream> {
  const ledger = new Ledger(options);
  const server = createServer((request, response) => void serve(ledger, request, response));
  server.keepAliveTimeout = 60_000; // a client's pooled connection must not meet a server that has just closed it
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    baseUrlFor: (type, label = '') => `http://127.0.0.1:${port}${addressOf(type, label)}${VENDOR_WIRES[type].basePath}`,
    get calls() {
      return ledger.calls;
    },
    get counts() {
      return { total: ledger.total, open: ledger.open, peak: ledger.peak };
    },
    respond: (handler) => void (ledger.handler = typeof handler === 'function' ? handler : () => handler),
    received: (total) => ledger.received(total),
    reset: () => ledger.reset(),
    stop: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

async function serve(ledger: Ledger, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const call = await readCall(request, ledger.total + 1).catch(() => undefined);
  if (!call) return refuse(request, response, call === null);
  ledger.begin(call);
  const gone = new AbortController();
  response.once('close', () => {
    ledger.end(call, response.writableFinished ? 'answered' : 'hung_up');
    gone.abort();
  });
  try {
    await sendAnswer(response, call, await ledger.handler(call), gone.signal);
  } catch (error) {
    if (gone.signal.aborted) return;
    // A fault of the test's own handler: say so where its author looks.
    response.writeHead(500).end(`stand-in handler failed: ${String(error)}`);
  }
}

function refuse(request: IncomingMessage, response: ServerResponse, wrongAddress: boolean): void {
  const message = wrongAddress ? `no vendor listens at ${request.method} ${request.url}` : 'the body is not a JSON object';
  response
    .writeHead(wrongAddress ? 404 : 400, { 'content-type': 'application/json' })
    .end(JSON.stringify({ error: { message } }));
}
