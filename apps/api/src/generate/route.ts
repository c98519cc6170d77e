import type { Request, RequestHandler, Response } from 'express';
import { commandsWritten } from '@llm-gateway/queue';
import { generateRequest } from '@llm-gateway/shared';
import { z } from 'zod';
import { callerOf } from '../auth/caller.js';
import { invalid, parse } from '../http/parse.js';
import { ownIdOf } from '../http/request-id.js';
import { sendJson } from '../http/send-json.js';
import type { Answer, Queued } from './answer.js';
import { CallerGone } from './await-outcome.js';
import type { GenerateDeps } from './deps.js';
import { forCustomer } from './for-customer.js';
import { generate } from './generate.js';
import { rateLimitHeaders } from './rate-limit-headers.js';

const generateQuery = z.strictObject({ mode: z.literal('async').optional() });

/** `POST` on the path where this is mounted. Without a router of its own, whose walk each call would pay for. */
export function generateRoute(deps: GenerateDeps): RequestHandler {
  return (req, res, next) => (req.method === 'POST' && req.path === '/' ? answerCall(deps, req, res) : next());
}

async function answerCall(deps: GenerateDeps, req: Request, res: Response): Promise<void> {
  const caller = callerOf(res);
  const request = forCustomer(caller, parse(generateRequest, req.body));
  const hangUp = lazyHangUpSignal(res);
  const call = {
    id: ownIdOf(res),
    caller,
    request,
    idempotencyKey: idempotencyKey(req),
    isAsync: isAsync(req),
    get signal() {
      return hangUp();
    },
    markDirect: () => void res.set('X-Gateway-Mode', 'direct'),
  };
  try {
    await send(deps, res, await sentOnItsWay(generate(deps, call)));
  } catch (error) {
    if (error instanceof CallerGone) return;
    throw error;
  }
}

/** A process that is killed after answering has sent the usage row on its way, also of what has failed. */
async function sentOnItsWay<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } finally {
    await commandsWritten();
  }
}

export function idempotencyKey(req: Pick<Request, 'get'>): string | null {
  const key = req.get('idempotency-key');
  if (key === undefined) return null;
  if (key.length >= 1 && key.length <= 255) return key;
  throw invalid([{ path: 'Idempotency-Key', message: 'must be 1 to 255 characters long' }]);
}

/** Most have no query, and Express would parse it all the same. */
function isAsync(req: Request): boolean {
  if (req.url.includes('?') && parse(generateQuery, req.query).mode === 'async') return true;
  const preferred = req.get('prefer')?.split(',') ?? [];
  return preferred.some((preference) => preference.trim().toLowerCase() === 'respond-async');
}

/** @returns a signal that aborts when the caller hangs up before the answer. */
export const hangUpSignal = (res: Response): AbortSignal => lazyHangUpSignal(res)();

/** {@link hangUpSignal}, made when it is first asked for: a cache hit does without, and a signal is not cheap. */
function lazyHangUpSignal(res: Response): () => AbortSignal {
  let controller: AbortController | undefined;
  return () => {
    if (controller) return controller.signal;
    const made = (controller = new AbortController());
    const abortUnlessAnswered = (): void => {
      if (!res.writableEnded) made.abort();
    };
    res.on('close', abortUnlessAnswered);
    if (res.closed) abortUnlessAnswered();
    return made.signal;
  };
}

async function send(deps: GenerateDeps, res: Response, reply: Answer | Queued): Promise<void> {
  if (reply.kind === 'queued') {
    const { id, status, position } = reply;
    res.status(202).location(`/api/v1/jobs/${id}`).json({ id, status, position });
    return;
  }
  const { result, cacheStatus, timings, replayed } = reply;
  // A stale answer is a hit by the contract's words; its warning says the rest.
  res.setHeader('X-Cache', cacheStatus === 'STALE' ? 'HIT' : cacheStatus);
  res.setHeader('Server-Timing', serverTiming(timings, result.latency_ms));
  if (!result.cached) res.set(await rateLimitHeaders(deps, result.provider));
  if (replayed) res.set('Idempotency-Replayed', 'true');
  sendJson(res, result);
}

function serverTiming(timings: Answer['timings'], totalMs: number): string {
  const total = `total;dur=${totalMs}`;
  if (!timings) return total;
  return `queue;dur=${timings.queueMs}, limiter;dur=${timings.limiterMs}, provider;dur=${timings.providerMs}, ${total}`;
}
