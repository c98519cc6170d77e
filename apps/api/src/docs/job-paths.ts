import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { pageOf } from '../http/paging.js';
import { bulkReplayAnswer, bulkReplayBody, jobListQuery, replayAnswer, replayBody, wireJob } from '../jobs/wire.js';
import { operation } from './operation.js';

const job = wireJob.meta({ id: 'Job' });
const path = z.object({ id: z.string().meta({ examples: ['req_01K9ZT0Q4M7C6V1B2N3D4F5G6H'] }) });
const callers = { tag: 'Jobs', scope: 'generate' } as const;
const admin = { tag: 'Jobs', scope: 'admin' } as const;

export const jobPaths: ZodOpenApiPathsObject = {
  '/api/v1/jobs': {
    get: operation({
      ...callers,
      summary: 'List jobs',
      description: [
        'Newest first, the caller’s own unless the key is an admin’s: those that wait or run; failed and cancelled ones of the last 7 days, at most 10,000 a provider; completed ones of the last hour, at most 1,000 a provider.',
        'A page may be short and still have a `next_cursor`: it looks into 2,000 jobs at most. Every request ever made is in `/api/v1/usage/logs`.',
      ].join('\n\n'),
      query: jobListQuery,
      ok: { status: 200, description: 'A page of jobs, without their results.', schema: pageOf(job) },
    }),
  },
  '/api/v1/jobs/{id}': {
    get: operation({
      ...callers,
      summary: 'Read a job',
      path,
      ok: { status: 200, description: 'The job.', schema: job },
      errors: ['not_found'],
    }),
    delete: operation({
      ...callers,
      summary: 'Cancel a job',
      description: 'A waiting job leaves the queue; the provider call of an active one is aborted.',
      path,
      ok: { status: 202, description: 'The job as it is now.', schema: job },
      errors: ['not_found'],
    }),
  },
  '/api/v1/jobs/{id}/replay': {
    post: operation({
      ...admin,
      summary: 'Run a job again',
      description: 'As a request of its own, under all limits and budgets, elsewhere if asked.',
      path,
      headers: z.object({ 'Idempotency-Key': z.string().min(1).max(255).optional() }),
      body: { schema: replayBody.meta({ id: 'Replay' }), example: { provider: 'openai-main' }, optional: true },
      ok: { status: 202, description: 'Queued.', schema: replayAnswer },
      errors: ['not_found', 'conflict', 'budget_exceeded', 'idempotency_conflict', 'queue_full', 'no_provider'],
    }),
  },
  '/api/v1/jobs/replay': {
    post: operation({
      ...admin,
      summary: 'Run many jobs again',
      description:
        'Those that a filter means, each once however often this is called, unless `again` is said. A dry run unless told otherwise.',
      body: {
        schema: bulkReplayBody.meta({ id: 'BulkReplay' }),
        example: {
          filter: { status: 'failed', provider: 'claude-main', from: '2026-11-25T08:00:00Z' },
          provider: 'openai-main',
          max: 1_000,
          dry_run: false,
        },
      },
      ok: { status: 200, description: 'What was, or would be, run again.', schema: bulkReplayAnswer },
    }),
  },
};
