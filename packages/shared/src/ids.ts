import { hash, randomFillSync } from 'node:crypto';
import { decodeTime, encodeTime } from 'ulid';

/** Crockford's, of 32 characters, as a ULID has them. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const RANDOM_LENGTH = 16;
const ULID_LENGTH = 26;

/** Random bytes in hand: ulid asks the system for each of an id's 16 characters, which was a sixth of what a cache hit cost. */
const pool = new Uint8Array(4_096);
let next = pool.length;

/** Many ids are made and read within one millisecond, which all begin with the same text. */
let stamp = { at: 0, text: encodeTime(0) };

function newUlid(at = Date.now()): string {
  if (at !== stamp.at) stamp = { at, text: encodeTime(at) };
  if (next === pool.length) {
    randomFillSync(pool);
    next = 0;
  }
  let id = stamp.text;
  for (const end = next + RANDOM_LENGTH; next < end; next++) id += ALPHABET.charAt((pool[next] ?? 0) % 32);
  return id;
}

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
  const text = id.slice(prefix.length);
  if (text.length === ULID_LENGTH && text.startsWith(stamp.text)) return stamp.at;
  try {
    return decodeTime(text);
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
    const byte = Number.parseInt(hash('sha1', requestId).slice(0, 2), 16);
    latest = { requestId, shard: shardTag(byte % SHARDS) };
  }
  return latest.shard;
}

let latest = { requestId: '', shard: '' };

export const shardTag = (shard: number): string => `{s${String(shard).padStart(2, '0')}}`;
export const allShards = (): string[] => Array.from({ length: SHARDS }, (_, shard) => shardTag(shard));
