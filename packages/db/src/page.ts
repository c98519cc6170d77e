import { GatewayError } from '@llm-gateway/shared';
import type { z } from 'zod';

export interface Page<T> {
  data: T[];
  /** Where the next page begins; null on the last one. */
  nextCursor: string | null;
}

export interface PageRequest {
  limit: number;
  /** The `nextCursor` of the page before. */
  cursor?: string | undefined;
}

/**
 * Opaque, and made of the last row's sort key rather than a number of rows: rows added or removed meanwhile move nothing.
 * @throws GatewayError `invalid_request` for a cursor that this list did not make.
 */
export function readCursor<T extends z.ZodType>(key: T, cursor: string | undefined): z.output<T> | undefined {
  if (cursor === undefined) return undefined;
  const json = Buffer.from(cursor, 'base64url').toString('utf8');
  const parsed = key.safeParse(parseJson(json));
  // What PostgreSQL cannot compare with, no list of ours has made: text with NUL, times before our era.
  if (parsed.success && !json.includes('\\u0000') && !json.includes('"0000-')) return parsed.data;
  const message = 'must be a next_cursor of this list';
  throw new GatewayError('invalid_request', `cursor: ${message}`, { details: [{ path: 'cursor', message }] });
}

/** @param rows one more than `limit` where there is another page. */
export function toPage<Row, T>(rows: Row[], limit: number, view: (row: Row) => T, key: (row: Row) => unknown): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const nextCursor =
    rows.length > limit && last !== undefined ? Buffer.from(JSON.stringify(key(last))).toString('base64url') : null;
  return { data: shown.map(view), nextCursor };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
