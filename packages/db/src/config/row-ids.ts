import { randomBytes } from 'node:crypto';
import { GatewayError } from '@llm-gateway/shared';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export const isRowId = (text: string): boolean => UUID.test(text);

/** @throws GatewayError `not_found` for text that cannot be an id, which PostgreSQL would refuse with an error of its own. */
export function demandRowId(id: string, what: string): void {
  if (!isRowId(id)) throw notFound(what, id);
}

export const notFound = (what: string, id: string): GatewayError =>
  new GatewayError('not_found', `no ${what} has the id ${id.slice(0, 64)}`);

/** Somebody else was faster: the change was checked against a row that is no more. */
export const changedMeanwhile = (what: string): GatewayError =>
  new GatewayError('precondition_failed', `the ${what} has been changed by somebody else: look at it and repeat the change`);

const last = { ms: 0, count: 0 };

/**
 * UUID version 7 (RFC 9562): 48 bits of milliseconds, then 12 that count within one (its section 6.2, method 1), then chance. So newer rows sort
 * after older ones, also the entries that one change makes in the same millisecond.
 */
export function newRowId(): string {
  const now = Date.now();
  if (now > last.ms) Object.assign(last, { ms: now, count: 0 });
  else if (++last.count > 0xfff) Object.assign(last, { ms: last.ms + 1, count: 0 });
  const bytes = randomBytes(16);
  bytes.writeUIntBE(last.ms, 0, 6);
  bytes.writeUInt16BE(0x7000 | last.count, 6);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
