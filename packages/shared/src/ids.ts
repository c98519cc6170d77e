import { createHash } from 'node:crypto';
import { decodeTime, ulid } from 'ulid';

/** Ids are ours, sortable by time, and never the provider's. */
export const newRequestId = (): string => `req_${ulid()}`;
/** @returns when a request came in, which its id begins with (epoch ms); NaN for what is no id of ours. */
export function requestTime(requestId: string): number {
  try {
    return decodeTime(requestId.slice('req_'.length));
  } catch {
    return NaN;
  }
}
export const newAttemptId = (): string => `att_${ulid()}`;
/** Of a service key: part of its text, so of few characters. */
export const newKeyId = (): string => ulid().toLowerCase();
/** Names one process among its replicas. */
export const newInstanceId = (kind: 'api' | 'worker'): string => `${kind}-${ulid()}`;

export const SHARDS = 16;

/**
 * The shard that all keys of one request live on, as a Redis Cluster hash tag. Whatever one script touches for a request
 * (its result, its state, its usage event) carries this tag, so that it stays on one node.
 */
export function shardOf(requestId: string): string {
  const byte = createHash('sha1').update(requestId).digest()[0] ?? 0;
  return shardTag(byte % SHARDS);
}

export const shardTag = (shard: number): string => `{s${String(shard).padStart(2, '0')}}`;
export const allShards = (): string[] => Array.from({ length: SHARDS }, (_, shard) => shardTag(shard));
