/** What went wrong in PostgreSQL, in the gateway's words. Prisma, its driver adapter and node-postgres each report it differently. */
import { GatewayError } from '@llm-gateway/shared';

/** Bad values (22), broken constraints (23), a value too big for an index (54000): PostgreSQL will refuse this row for ever. */
const DATA_STATES = /^(22...|23...|54000)$/;
/** Connection (08), access (28), resources (53), time limit or shutdown (57), I/O (58), no such database (3D), a read-only replica. */
const OUTAGE_STATES = /^(08...|28...|3D...|53...|57...|58...|25006)$/;
/** ENOENT: the file of a Unix socket, which goes with its server. */
const OUTAGE_CODES =
  /^(P1\d{3}|P2024|P2028|P2037|E(CONNREFUSED|CONNRESET|TIMEDOUT|PIPE|NOTFOUND|HOSTUNREACH|NETUNREACH|AI_AGAIN|NOENT))$/;
const OUTAGE_KINDS = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TlsConnectionError',
  'TooManyConnections',
]);
// node-postgres gives these no code.
const OUTAGE_MESSAGES =
  /timeout exceeded when trying to connect|Connection terminated|Query read timeout|connection error and is not queryable|Cannot use a pool after calling end/;

/** @returns the SQLSTATE of an error that PostgreSQL itself reported, however deep it is wrapped. */
export function sqlState(error: unknown): string | undefined {
  for (const layer of layers(error)) {
    const { originalCode, code } = layer;
    for (const candidate of [originalCode, code]) {
      // Prisma's own codes (P2002) have five characters too; no SQLSTATE that we meet begins with P and a digit but P0001 to P0004.
      if (typeof candidate === 'string' && /^[0-9A-Z]{5}$/.test(candidate) && !/^P[1-9]/.test(candidate)) return candidate;
    }
  }
  return undefined;
}

/** A row that we refuse ourselves, as PostgreSQL would one that breaks a constraint: for ever. */
export class RefusedRow extends Error {
  override readonly name = 'RefusedRow';
}

/**
 * Tells a row that PostgreSQL will always refuse (a NUL character, a number out of range, a broken constraint) from an outage, in which
 * the same row may be written later.
 */
export function isDataError(error: unknown): boolean {
  if (error instanceof RefusedRow) return true;
  const state = sqlState(error);
  return state !== undefined && DATA_STATES.test(state);
}

/** @returns true where the database is down, unreachable, overloaded or restarting: trying again later may work. */
export function isOutage(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined) return OUTAGE_STATES.test(state);
  return layers(error).some(
    ({ code, errorCode, kind, message }) =>
      [code, errorCode].some((value) => typeof value === 'string' && OUTAGE_CODES.test(value)) ||
      (typeof kind === 'string' && OUTAGE_KINDS.has(kind)) ||
      (typeof message === 'string' && OUTAGE_MESSAGES.test(message)),
  );
}

/** @returns `unavailable` for an outage; any other error as it is. The cause is kept for the log, its text never reaches a caller. */
export function domainError(error: unknown): unknown {
  if (error instanceof GatewayError || !isOutage(error)) return error;
  return new GatewayError('unavailable', 'the database cannot be reached', { cause: error });
}

/** @returns true for a value that a unique constraint or index already holds. */
export const isTaken = (error: unknown): boolean => sqlState(error) === '23505' || prismaCode(error) === 'P2002';

const prismaCode = (error: unknown): unknown => layers(error).at(0)?.['code'];

type Layer = Record<string, unknown>;

/** An error, its causes, and Prisma's places for a driver's error, outermost first. */
function layers(error: unknown): Layer[] {
  const found: Layer[] = [];
  const open: unknown[] = [error];
  while (open.length > 0 && found.length < 12) {
    const next = open.shift();
    if (typeof next !== 'object' || next === null) continue;
    const layer = next as Layer;
    found.push(layer);
    const meta = layer['meta'] as Layer | undefined;
    open.push(
      layer['cause'],
      meta?.['driverAdapterError'],
      ...(Array.isArray(layer['errors']) ? (layer['errors'] as unknown[]) : []),
    );
  }
  return found;
}
