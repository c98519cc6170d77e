/** Waiting for a request's outcome, until it comes, the deadline passes, or the caller hangs up. */
import { endAbandoned } from '@llm-gateway/engine';
import { broadcastCancellation, type Outcome } from '@llm-gateway/queue';
import { GatewayError, type ErrorCode } from '@llm-gateway/shared';
import type { GenerateDeps } from './deps.js';

/** A worker aborts its call at the deadline and then says so: its own word is better than ours. */
const LAST_WORD_MS = 500;

const NO_WORKER_FREE = { code: 'timeout', message: "the request's deadline passed before a worker was free" } as const;

export class CallerGone extends Error {
  override readonly name = 'CallerGone';
}

export interface Wait {
  requestId: string;
  /** Epoch ms: this caller's own deadline. */
  deadline: number;
  /** Aborts when the caller hangs up. */
  signal: AbortSignal;
  /** Is it this caller's own request, or did it join another's? */
  owns: boolean;
}

/** @throws CallerGone; GatewayError timeout when the deadline passes in silence. */
export async function awaitOutcome<T>(deps: GenerateDeps, wait: Wait, outcome: Promise<Outcome | T>): Promise<Outcome | T> {
  const { deadline, signal } = wait;
  let timer: NodeJS.Timeout | undefined;
  let onAbort: () => void = () => undefined;
  const ended = new Promise<'deadline' | 'gone'>((resolve) => {
    timer = setTimeout(() => resolve('deadline'), Math.max(0, deadline - Date.now()) + LAST_WORD_MS);
    onAbort = () => resolve('gone');
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) resolve('gone');
  });
  try {
    const first = await Promise.race([outcome, ended]);
    if (first === 'gone') {
      await hangUp(deps, wait);
      throw new CallerGone();
    }
    return first === 'deadline' ? await atDeadline(deps, wait) : first;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

/** The reply may have been missed, and a job that nobody has taken is ended by its owner; one in a worker's hands ends by itself. */
async function atDeadline(deps: GenerateDeps, { requestId, owns }: Wait): Promise<Outcome> {
  const timeout = new GatewayError('timeout', "the request's deadline passed");
  // A Redis that is frozen would hold the caller up for nothing. Whoever finds the request later, ends it.
  if (!deps.pulse.canRead) throw timeout;
  try {
    const missed = await deps.replies.lastLook(requestId);
    if (missed) return missed;
    if (!owns) await deps.store.leave(requestId, deps.apiId);
    else if (await removeWaiting(deps, requestId, NO_WORKER_FREE)) await endAbandoned(deps, requestId, NO_WORKER_FREE);
    const ended = await deps.replies.lastLook(requestId);
    if (ended) return ended;
  } catch (error) {
    deps.logger.debug({ err: error, requestId }, 'last look at a late request failed');
  }
  throw timeout;
}

/**
 * @param why how its request ends: the job is kept with that among the failed ones, to be run again. Without it nothing is left of it.
 * @returns true when the request's job was still waiting and is now out of the queue.
 */
export async function removeWaiting(
  deps: GenerateDeps,
  requestId: string,
  why?: { code: ErrorCode; message: string },
): Promise<boolean> {
  const stored = await deps.store.read(requestId);
  const provider = stored?.head.lanes[stored.hop];
  if (!stored || provider === undefined) return false;
  if (!why) return deps.belt.remove(provider, requestId, stored.hop);
  return deps.belt.retire(provider, requestId, stored.hop, `${why.code}: ${why.message}`);
}

/**
 * The last caller to leave takes a waiting request along. One that is with its provider is paid for anyway: where its answer
 * can be cached it is let finish, else the call is ended.
 */
async function hangUp(deps: GenerateDeps, { requestId }: Wait): Promise<void> {
  try {
    const last = await deps.store.leave(requestId, deps.apiId);
    if (!last) return;
    const stored = await deps.store.read(requestId);
    if (!stored?.head.cancellable) return;
    if (await removeWaiting(deps, requestId)) {
      await endAbandoned(deps, requestId, { code: 'cancelled', message: 'every caller had hung up' });
      return;
    }
    if (stored.head.cache === null) await broadcastCancellation(deps.redis, requestId);
  } catch (error) {
    deps.logger.debug({ err: error, requestId }, 'a request whose caller hung up could not be cancelled');
  }
}
