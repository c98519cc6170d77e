import { outcomeError, type KeptJob, type Outcome, type StoredRequest } from '@llm-gateway/queue';
import { ERROR_CODES, type ErrorCode } from '@llm-gateway/shared';
import { errorBody } from '../http/errors.js';
import { redisOrUnavailable } from '../generate/refusal.js';
import type { GenerateDeps } from '../generate/deps.js';
import type { FoundJob } from './find.js';
import type { WireJob } from './wire.js';

/** A job with all that is known of it. */
export async function jobView(deps: GenerateDeps, { stored, kept }: FoundJob): Promise<WireJob> {
  if (!stored) return keptView(kept as KeptJob);
  const outcome = (await redisOrUnavailable(deps.store.outcomes([stored.head.id]))).get(stored.head.id);
  const common = { ...commonFields(stored.head, stored.head.lanes[stored.hop] ?? null), ...replayedBy(kept) };
  return { ...common, ...(outcome ? finished(outcome) : await unfinished(deps, stored)) };
}

/** A job as its queue knows it: without its result, and of an error only what the worker said last. */
export function keptView(job: KeptJob): WireJob {
  const common = { ...commonFields(job.head, job.lane), ...replayedBy(job) };
  if (job.shelf === 'queued' || job.shelf === 'active') return { ...common, status: job.shelf };
  const finishedAt = job.finishedAt === null ? {} : { finished_at: new Date(job.finishedAt).toISOString() };
  if (job.shelf === 'completed') return { ...common, status: 'completed', ...finishedAt };
  const { code, message } = failureOf(job);
  const status = code === 'cancelled' ? 'cancelled' : 'failed';
  return { ...common, status, error: { code, message, request_id: job.requestId, details: [] }, ...finishedAt };
}

const commonFields = (head: KeptJob['head'], provider: string | null) => ({
  id: head.id,
  service: head.service,
  customer_id: head.customerId,
  provider,
  created_at: new Date(head.createdAt).toISOString(),
  ...(head.replayOf !== undefined && { replay_of: head.replayOf }),
});

const replayedBy = (job: KeptJob | null) => (job?.replay ? { replayed_by: job.replay.id } : {});

async function unfinished(deps: GenerateDeps, { head, hop }: StoredRequest): Promise<Pick<WireJob, 'status' | 'position'>> {
  const provider = head.lanes[hop] ?? '';
  const state = await redisOrUnavailable(deps.belt.state(provider, head.id, hop));
  if (state !== 'waiting') return { status: 'active' };
  const position = await redisOrUnavailable(deps.belt.position(provider, head.id, hop));
  return { status: 'queued', ...(position === null ? {} : { position }) };
}

function finished(outcome: Outcome): Pick<WireJob, 'status' | 'result' | 'error' | 'finished_at'> {
  const finished_at = new Date(outcome.finishedAt).toISOString();
  if (outcome.status === 'ok') return { status: 'completed', result: outcome.result, finished_at };
  const status = outcome.error.code === 'cancelled' ? 'cancelled' : 'failed';
  return { status, error: errorBody(outcomeError(outcome), outcome.id).error, finished_at };
}

/** Workers end a failed job with `code: words`; where BullMQ ended it itself, its workers had died. */
function failureOf({ failedReason }: KeptJob): { code: ErrorCode; message: string } {
  const [, code = '', message = ''] = /^([a-z_]+): (.*)$/s.exec(failedReason ?? '') ?? [];
  if (Object.hasOwn(ERROR_CODES, code)) return { code: code as ErrorCode, message };
  return {
    code: 'provider_error',
    message: 'the request was given up, because the workers that took it ended without an answer',
  };
}
