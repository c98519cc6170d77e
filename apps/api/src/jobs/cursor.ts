import { invalid } from '../http/parse.js';

const REQUEST_ID = /^req_[0-9A-Z]{26}$/;

/** A list goes on after the request that it ended with: ids are in the order of time, and jobs that come and go move nothing. */
export const toCursor = (requestId: string): string => Buffer.from(requestId).toString('base64url');

/** @throws GatewayError invalid_request for a cursor that the list did not make. */
export function fromCursor(cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  const id = Buffer.from(cursor, 'base64url').toString('latin1');
  if (!REQUEST_ID.test(id)) throw invalid([{ path: 'cursor', message: 'must be a next_cursor of this list' }]);
  return id;
}
