/** Jobs as callers see them. */
import { generateResult, wireName } from '@llm-gateway/shared';
import { z } from 'zod';
import { pageQuery } from '../http/paging.js';
import { momentOrDay } from '../http/time.js';
import { inOrder, ORDER } from '../usage/query.js';

export const jobStatus = z.enum(['queued', 'active', 'completed', 'failed', 'cancelled']);
export type JobStatus = z.infer<typeof jobStatus>;

const jobError = z.object({
  code: z.string(),
  message: z.string(),
  request_id: z.string(),
  details: z.array(z.object({ path: z.string(), message: z.string() })),
});

export const wireJob = z.object({
  id: z.string(),
  status: jobStatus,
  position: z.int().optional().describe('Place in the queue, 1 first, while it waits.'),
  service: z.string(),
  customer_id: z.string().nullable(),
  provider: z.string().nullable().describe('On whose queue it is, or was last.'),
  result: generateResult.optional().describe('Kept for a day; a list leaves it out.'),
  error: jobError.optional(),
  created_at: z.iso.datetime(),
  finished_at: z.iso.datetime().optional(),
  replay_of: z.string().optional().describe('The job that this one runs again.'),
  replayed_by: z.string().optional().describe('The job that ran this one again, the last one where there are several.'),
});
export type WireJob = z.infer<typeof wireJob>;

const filter = {
  provider: wireName(40).optional().describe('On whose queue the job is, or was last.'),
  service: wireName(64).optional(),
  customer_id: wireName(128).optional(),
  from: momentOrDay.optional().describe('When the job was created.'),
  to: momentOrDay.optional().describe('Not included itself.'),
};

const isOrdered = ({ from, to }: { from?: string | undefined; to?: string | undefined }): boolean =>
  from === undefined || to === undefined || inOrder({ from, to });

export const jobListQuery = z.strictObject({ status: jobStatus.optional(), ...filter, ...pageQuery }).refine(isOrdered, ORDER);
export type JobListQuery = z.output<typeof jobListQuery>;

/** Where a job is run again, and for how long it may take there. */
const elsewhere = {
  provider: wireName(40).optional().describe('A name or a type. Without it the request is routed as it would be today.'),
  model: wireName(200).optional().describe("Without it the job's own where `provider` serves it, else the provider's default."),
};
const timeoutMs = z.int().min(100).max(600_000);

export const replayBody = z.strictObject({
  ...elsewhere,
  timeout_ms: timeoutMs.optional().describe("The new job's deadline. Default: the job's own."),
});
export type ReplayOrder = z.output<typeof replayBody>;

/** As many as one call queues in a few seconds; a further call goes on. */
const MAX_REPLAYS = 1_000;

export const bulkReplayBody = z
  .strictObject({
    filter: z.strictObject({
      status: z.enum(['failed', 'cancelled', 'completed']).default('failed'),
      ...filter,
      ids: z.array(wireName(64)).min(1).max(MAX_REPLAYS).optional().describe('Just these.'),
    }),
    ...elsewhere,
    timeout_ms: timeoutMs.default(600_000).describe("Each new job's deadline: time to wait for limits together."),
    max: z.int().min(1).max(MAX_REPLAYS).default(100).describe('At most so many, oldest first. A further call goes on.'),
    dry_run: z.boolean().default(true).describe('Only say which jobs would be run again.'),
    again: z.boolean().default(false).describe('Also jobs that were run again already.'),
  })
  .refine(({ filter: span }) => isOrdered(span), { path: ['filter', 'from'], message: ORDER.message });
export type BulkReplayOrder = z.output<typeof bulkReplayBody>;

export const replayAnswer = z.object({
  id: z.string(),
  status: z.enum(['queued', 'completed']).describe('completed: the cache had the answer.'),
  position: z.int().nullable(),
  replay_of: z.string(),
});

export const bulkReplayAnswer = z.object({
  dry_run: z.boolean(),
  matched: z.int().describe('Jobs that fit the filter and have not been run again (with `again`: all that fit).'),
  already_replayed: z.int().describe('Jobs that fit and were left alone because they have been run again.'),
  replayed: z.int().describe('Jobs that were run again; in a dry run: would be.'),
  remaining: z.int().describe('Matched jobs beyond `max`, or not reached because the call stopped early.'),
  jobs: z.array(z.object({ id: z.string(), replay: z.string().nullable().describe("The new job's id; null in a dry run.") })),
  refused: z.array(z.object({ id: z.string(), code: z.string(), message: z.string() })).describe('Turned away, and why.'),
  stopped: z.string().nullable().describe('Why the call ended before `max`: a full queue, or no queue to be reached.'),
});
export type BulkReplayAnswer = z.infer<typeof bulkReplayAnswer>;
