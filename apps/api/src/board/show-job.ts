/** What the board may show of a job: where it goes and how big it is, and what it says only to who has asked for that. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { canonicalHash } from '@llm-gateway/shared';
import { z } from 'zod';

/** Only what is shown is read; a job of another build is shown as far as it is understood. */
const shownPayload = z.object({
  head: z.object({ id: z.string(), priority: z.number(), deadline: z.number() }).partial().catch({}),
  hop: z.number().optional().catch(undefined),
  candidates: z.array(z.object({ provider: z.string(), model: z.string() })).catch([]),
  request: z.unknown(),
});

/** The board asks for a job's looks without saying for whom. Nobody said: nobody may see. */
export const promptsShown = new AsyncLocalStorage<boolean>();

export function showJobData(data: unknown): Record<string, unknown> {
  const parsed = shownPayload.safeParse(data);
  if (!parsed.success) return { bytes: sizeOf(data) };
  const { head, hop, candidates, request } = parsed.data;
  return {
    requestId: head.id,
    candidates: candidates.map(({ provider, model }) => `${provider} (${model})`),
    hop,
    priority: head.priority,
    deadline: head.deadline === undefined ? undefined : new Date(head.deadline).toISOString(),
    request: promptsShown.getStore() ? request : { bytes: sizeOf(request), sha256: canonicalHash(request ?? null).slice(0, 16) },
  };
}

export const showSize = (value: unknown): unknown => (value === null || value === undefined ? value : { bytes: sizeOf(value) });

const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value ?? null));
