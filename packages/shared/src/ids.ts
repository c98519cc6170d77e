import { hash, randomFillSync } from 'node:crypto';
import { decodeTime, ulid } from 'ulid';

/** Random bytes in hand: ulid asks the system for each of an id's 16 characters, which was a sixth of what a cache hit cost. */
const pool = new Uint8Array(4_096);
let next = pool.length;

function random(): number {
  if (next === pool.length) {
    randomFillSync(pool);
    next = 0;
  }
  return (pool[next++] ?? 0) / 256;
}

const newUlid = (at?: number): string => ulid(at, random);

/** Ids are ours, sortable by time, and never the provider's. @param at the time that it begins with (epoch ms); now unless told. */
export const newRequestId = (at?: number): string => `req_${newUlid(at)}`;
/** @returns when a request came in, which its id begins with (epoch ms); NaN for what is no id of ours. */
export const requestTime = (requestId: string): number => timeIn('req_', requestId);
/** @param at the time that it begins with (epoch ms): the call's. */
export const newAttemptId = (at: number): string => `att_${newUlid(at)}`;
/** @returns when a call began, as its id says (epoch ms); NaN for what is no id of ours. */
export const attemptTime = (attemptId: string): number => timeIn('att_', attemptId);

function timeIn(prefix: string, id: string): number {
  if (!id.startsWith(prefix)) return NaN;
  try {
    return decodeTime(id.slice(prefix.length));
  } catch {
    return NaN;
  }
}

/** Of a service key: part of its text, so of few characters. */
export const newKeyId = (): string => newUlid().toLowerCase();
/** Names one process among its replicas. */
export const newInstanceId = (kind: 'api' | 'worker'): string => `${kind}-${newUlid()}`;

export const SHARDS = 16;

/**
 * The shard that all keys of one request live on, as a Redis Cluster hash tag. Whatever one script touches for a request
 * (its result, its state, its usage event) carries this tag, so that it stays on one node.
 */
export function shardOf(requestId: string): string {
  // The keys of one request are made one after the other.
  if (requestId !== latest.requestId) {
    const byte = hash('sha1', requestId, 'buffer')[0] ?? 0;
    latest = { requestId, shard: shardTag(byte % SHARDS) };
  }
  return latest.shard;
}

let latest = { requestId: '', shard: '' };

export const shardTag = (shard: number): string => `{s${String(shard).padStart(2, '0')}}`;
export const allShards = (): string[] => Array.from({ length: SHARDS }, (_, shard) => shardTag(shard));
