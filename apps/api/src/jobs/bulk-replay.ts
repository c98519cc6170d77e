/** Running many jobs again: those that failed on a provider that was down, once each however often it is asked. */
import { recordDeeds, type ActingDb } from '@llm-gateway/db';
import type { JobRef, KeptJob } from '@llm-gateway/queue';
import { GatewayError } from '@llm-gateway/shared';
import type { GenerateDeps } from '../generate/deps.js';
import { redisOrUnavailable } from '../generate/refusal.js';
import { pinnedProvider } from '../routing/pinned-provider.js';
import { replayOnce, type Replay } from './replay.js';
import { candidates, fits } from './select.js';
import type { BulkReplayAnswer, BulkReplayOrder } from './wire.js';

/** A call looks into at most so many jobs for those that fit, oldest first. */
const MAX_LOOKED_INTO = 50_000;
const BATCH = 500;
const AT_ONCE = 8;
/** What turns one replay away turns away all that come after it. */
const STOPPING: ReadonlySet<string> = new Set(['queue_full', 'unavailable']);

interface Selection {
  /** Oldest first. */
  matched: KeptJob[];
  alreadyReplayed: number;
}

/**
 * @param acting who goes on record. @param signal aborts when the caller hangs up: what is queued by then stays.
 * @throws GatewayError before anything is done: unavailable; invalid_request or no_provider for a place that can run none of them, which a
 * dry run would else promise.
 */
export async function replayJobs(
  deps: GenerateDeps,
  acting: ActingDb,
  order: BulkReplayOrder,
  signal: AbortSignal,
): Promise<BulkReplayAnswer> {
  const place = order.provider && pinnedProvider(deps.config.current().providers, order.provider, order.model);
  if (place instanceof GatewayError) throw place;
  const { matched, alreadyReplayed } = await select(deps, order);
  const answer: BulkReplayAnswer = {
    dry_run: order.dry_run,
    matched: matched.length,
    already_replayed: alreadyReplayed,
    replayed: 0,
    remaining: 0,
    jobs: [],
    refused: [],
    stopped: null,
  };
  const chosen = matched.slice(0, order.max);
  if (order.dry_run) answer.jobs = chosen.map(({ requestId }) => ({ id: requestId, replay: null }));
  else if (chosen.length > 0) {
    const after = { ...order, jobs: chosen.length };
    await recordDeeds(acting, [{ action: 'job.replay_many', target: 'job', targetId: '*', before: null, after }]);
    await replayAll(deps, chosen, { order, again: order.again, signal }, answer);
  }
  answer.replayed = answer.jobs.length;
  const byOthers = answer.already_replayed - alreadyReplayed;
  answer.remaining = matched.length - answer.replayed - answer.refused.length - byOthers;
  return answer;
}

async function select(deps: GenerateDeps, { filter, again }: BulkReplayOrder): Promise<Selection> {
  const named = filter.ids && new Set(filter.ids);
  const refs = (await candidates(deps, filter)).filter(({ requestId }) => !named || named.has(requestId));
  refs.reverse();
  const selection: Selection = { matched: [], alreadyReplayed: 0 };
  for (let at = 0; at < Math.min(refs.length, MAX_LOOKED_INTO); at += BATCH) {
    for (const job of await redisOrUnavailable(deps.kept.read(refs.slice(at, at + BATCH)))) {
      if (!fits(job, filter)) continue;
      if (job.replay?.entered && !again) selection.alreadyReplayed++;
      else selection.matched.push(job);
    }
  }
  return selection;
}

/** Some at a time, in their order; ends early where what comes next would be turned away as well. */
async function replayAll(
  deps: GenerateDeps,
  jobs: readonly KeptJob[],
  replay: Replay & { again: boolean },
  answer: BulkReplayAnswer,
): Promise<void> {
  const waiting = jobs.values();
  const takeTurns = async (): Promise<void> => {
    for (const job of waiting) {
      if (answer.stopped !== null || replay.signal.aborted) return;
      await replayInto(deps, job, replay, answer);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, takeTurns));
}

async function replayInto(
  deps: GenerateDeps,
  ref: JobRef,
  replay: Replay & { again: boolean },
  answer: BulkReplayAnswer,
): Promise<void> {
  try {
    const id = await replayOnce(deps, ref, replay);
    if (id === null) answer.already_replayed++;
    else answer.jobs.push({ id: ref.requestId, replay: id });
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    if (STOPPING.has(error.code)) answer.stopped ??= `${error.code}: ${error.message}`;
    else answer.refused.push({ id: ref.requestId, code: error.code, message: error.message });
  }
}
