/** What stands in the spool's files: one line of JSON each. */
import { requestHead, type RequestHead } from '@llm-gateway/queue';
import { usageAttempt, usageEvent, type UsageAttempt, type UsageEvent } from '@llm-gateway/shared';

/** A request under way, with its calls so far: what remains of it should its process die. */
export interface OpenRequest {
  head: RequestHead;
  attempts: UsageAttempt[];
}

export type SpoolLine = { kind: 'open'; open: OpenRequest } | { kind: 'event'; event: UsageEvent };

export const openLine = (open: OpenRequest): string => `${JSON.stringify({ open })}\n`;
export const eventLine = (event: UsageEvent): string => `${JSON.stringify({ event })}\n`;

/** @returns null for what is no line of this version: torn by the end of its process, or damaged. */
export function readLine(text: string): SpoolLine | null {
  try {
    const { open, event } = JSON.parse(text) as { open?: { head?: unknown; attempts?: unknown }; event?: unknown };
    if (event !== undefined) return { kind: 'event', event: usageEvent.parse(event) };
    return { kind: 'open', open: { head: requestHead.parse(open?.head), attempts: usageAttempt.array().parse(open?.attempts) } };
  } catch {
    return null;
  }
}
