/** How a request ended: stored once under its id, and sent to everyone who waits for it. */
import { ERROR_CODES, GatewayError, generateResult, wireAttempt, type ErrorCode } from '@llm-gateway/shared';
import { z } from 'zod';

const timings = z.object({ queueMs: z.int(), limiterMs: z.int(), providerMs: z.int() });

export const outcome = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('ok'),
    result: generateResult,
    /** What the call cost that gave the answer, in nano-USD: what those save who share it. Not what was wasted before it. */
    costNanoUsd: z.int().nullable(),
    finishedAt: z.int(),
    timings,
  }),
  z.object({
    status: z.literal('error'),
    id: z.string(),
    error: z.object({
      code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
      message: z.string(),
      details: z.array(z.object({ path: z.string(), message: z.string() })),
      retryAfterMs: z.number().optional(),
    }),
    attempts: z.array(wireAttempt),
    finishedAt: z.int(),
    timings,
  }),
]);
export type Outcome = z.infer<typeof outcome>;
export type OkOutcome = Extract<Outcome, { status: 'ok' }>;
export type ErrorOutcome = Extract<Outcome, { status: 'error' }>;

/** Our own bytes come back from our own Redis: parsed, not validated again, because this is on every request's path. */
export const readOutcome = (json: string): Outcome => JSON.parse(json) as Outcome;

export function outcomeError({ error }: ErrorOutcome): GatewayError {
  return new GatewayError(error.code, error.message, { details: error.details, retryAfterMs: error.retryAfterMs });
}
