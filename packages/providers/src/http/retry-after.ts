import { z } from 'zod';

const retryInfo = z.object({
  error: z.object({ details: z.array(z.object({ retryDelay: z.string().optional() })) }),
});

/**
 * What the vendor asks us to wait, in milliseconds: `retry-after-ms`, then `Retry-After` as seconds or a date (RFC 9110), then
 * `google.rpc.RetryInfo` in the body ("34.4s").
 * @returns undefined where nothing readable is said.
 */
export function retryAfterMs(headers: ReadonlyMap<string, string>, body: unknown, now: number): number | undefined {
  const asked = [number(headers.get('retry-after-ms')), fromRetryAfter(headers.get('retry-after'), now), fromRetryInfo(body)];
  const found = asked.find((ms) => ms !== undefined);
  return found === undefined ? undefined : Math.max(0, Math.ceil(found));
}

function number(text: string | undefined): number | undefined {
  const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function fromRetryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const seconds = number(text);
  if (seconds !== undefined) return seconds * 1_000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : date - now;
}

function fromRetryInfo(body: unknown): number | undefined {
  const parsed = retryInfo.safeParse(body);
  const delay = parsed.data?.error.details.find((detail) => detail.retryDelay !== undefined)?.retryDelay;
  const seconds = number(/^([\d.]+)s$/.exec(delay ?? '')?.[1]);
  return seconds === undefined ? undefined : seconds * 1_000;
}
