/** Optimistic locking: a row's version is its ETag, and `If-Match` says which version a change is meant for (RFC 9110). */
import { GatewayError } from '@llm-gateway/shared';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { invalid } from './parse.js';

/** Without If-Match, a change that lost a race is made again on top of the winner: the last write wins. */
const MAX_TRIES = 5;
const ETAG_LIST = /^\s*(W\/)?"[^"]*"(\s*,\s*(W\/)?"[^"]*")*\s*$/;

interface Versioned {
  version: number;
}

export const ifMatchHeader = z.object({
  'If-Match': z
    .string()
    .optional()
    .meta({
      description: 'The `ETag` of the row that the change is meant for; if it has changed since, 412 with the row as it is now.',
      examples: ['"3"'],
    }),
});
export const etagHeader = z.object({ ETag: z.string().meta({ description: 'The version of the row.', examples: ['"3"'] }) });

const etagOf = ({ version }: Versioned): string => `"${version}"`;

/** Answers with a row, and with its version for the next change. */
export function sendRow(res: Response, row: Versioned, body: object): void {
  res.set('ETag', etagOf(row)).json(body);
}

export interface RowChange<Row extends Versioned, T> {
  read: () => Promise<Row>;
  /** Writes, if the row still has the version that was read; else it throws `precondition_failed`. */
  change: (row: Row) => Promise<T>;
  show: (row: Row) => object;
}

/**
 * Changes a row as its caller has seen it.
 * @throws GatewayError `precondition_failed` with the row as it is now, where If-Match names another version.
 */
export async function changeRow<Row extends Versioned, T>(
  req: Request,
  res: Response,
  { read, change, show }: RowChange<Row, T>,
): Promise<T> {
  const wanted = ifMatch(req);
  for (let tries = 1; ; tries++) {
    const row = await read();
    if (wanted && !wanted.has(etagOf(row))) throw refusal(res, row, show(row));
    try {
      return await change(row);
    } catch (error) {
      const lost = error instanceof GatewayError && error.code === 'precondition_failed';
      if (!lost || tries === MAX_TRIES) throw error;
    }
  }
}

function refusal(res: Response, row: Versioned, current: object): GatewayError {
  res.set('ETag', etagOf(row));
  const message = 'the row has been changed since you read it: error.current is how it is now';
  return new GatewayError('precondition_failed', message, { current });
}

/** @returns the versions that the caller would have changed; null: any. A weak tag matches none, as the RFC has it. */
function ifMatch(req: Request): ReadonlySet<string> | null {
  const header = req.get('if-match');
  if (header === undefined || header.trim() === '*') return null;
  if (!ETAG_LIST.test(header)) throw invalid([{ path: 'If-Match', message: 'must be an ETag in double quotes, or *' }]);
  return new Set(header.split(',').map((tag) => tag.trim()));
}
