/** The contract of the generate queues, imported by both ends: no name, shape or retention is written anywhere else. */
import { candidate, generateRequest } from '@llm-gateway/shared';
import { z } from 'zod';

/** What is known of a request from its first moment, without a word of its prompt: enough to write its usage row whatever happens. */
export const requestHead = z.object({
  id: z.string(),
  createdAt: z.int(),
  /** Epoch ms at which the caller gives up. */
  deadline: z.int(),
  service: z.string(),
  customerId: z.string().nullable(),
  keyId: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  /** The API replica that waits; null for an asynchronous request. */
  replyTo: z.string().nullable(),
  /** The flight that this request leads, freed when it finishes. */
  flight: z.string().nullable(),
  cacheStatus: z.enum(['MISS', 'REFRESH', 'BYPASS']),
  /** Where the answer may be stored; null: nowhere. */
  cache: z.object({ ttlSeconds: z.int(), scope: z.string() }).nullable(),
  /** How long the outcome is kept for callers who come back for it. */
  resultTtlSeconds: z.int(),
  priority: z.int(),
  /** May it be ended when its last caller hangs up? Not where somebody may come back for it by key or id. */
  cancellable: z.boolean().default(true),
  /** The candidates' providers, in order: with the request's hop they tell which queue holds its job. */
  lanes: z.array(z.string()),
  relatedTo: z.string().nullable(),
  /** The request that this one runs again. */
  replayOf: z.string().optional(),
});
export type RequestHead = z.infer<typeof requestHead>;

/** What a list of jobs tells of one. It stands beside the job's data, which may be a megabyte: Redis must not touch that for a list. */
export const jobBrief = requestHead.pick({
  id: true,
  createdAt: true,
  service: true,
  customerId: true,
  keyId: true,
  replayOf: true,
});
export type JobBrief = z.infer<typeof jobBrief>;

const briefOf = ({ id, createdAt, service, customerId, keyId, replayOf }: RequestHead): JobBrief => ({
  ...{ id, createdAt, service, customerId, keyId },
  ...(replayOf !== undefined && { replayOf }),
});

export const generateJobPayload = z.object({
  /** Grows with a change that a worker of the previous build must not carry out. Such a worker leaves the job to a newer one. */
  v: z.literal(1),
  head: requestHead,
  request: generateRequest,
  candidates: z.array(candidate).min(1),
  /** Index into `candidates`: this job is the request's stay on that candidate's lane. */
  hop: z.int().nonnegative(),
});
export type GenerateJobPayload = z.infer<typeof generateJobPayload>;

export const generateJob = {
  queue: (provider: string) => `generate.${provider}`,
  /** Follows from the request, so that a hop made twice is one job. BullMQ allows no ':' in it. */
  jobId: (requestId: string, hop: number) => `${requestId}-${hop}`,
  payload: generateJobPayload,
  /** What a job is put in with. BullMQ keeps options that it does not know, so the brief is written in one step with the job. */
  optionsFor: ({ head, hop }: GenerateJobPayload) => ({
    ...generateJob.options,
    priority: head.priority,
    jobId: generateJob.jobId(head.id, hop),
    brief: JSON.stringify(briefOf(head)),
  }),
  options: {
    attempts: 1,
    /** Failed jobs can be replayed for a week. Redis must have room for so many prompts a provider. */
    removeOnFail: { age: 604_800, count: 10_000 },
    stackTraceLimit: 0,
  },
  /** How long completed jobs are kept, and about how many a provider. Not BullMQ's `removeOnComplete`: it takes one out with each that ends, where many at a time cost Redis less. */
  keepCompleted: { age: 3_600, count: 1_000 },
  /** A killed worker's job runs again within lock + stalled interval; twice at most, then it is failed as poison. */
  worker: { lockDuration: 10_000, stalledInterval: 5_000, maxStalledCount: 2, drainDelay: 5 },
} as const;
