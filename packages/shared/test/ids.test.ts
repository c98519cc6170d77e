import { hash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { decodeTime, isValid } from 'ulid';
import { attemptTime, newAttemptId, newRequestId, requestTime, shardOf, SHARDS } from '../src/index.js';

const ulidOf = (id: string): string => id.slice('req_'.length);

describe('an id', () => {
  it('is a ULID that says when its request came in, whatever was made or read before it', () => {
    const [early, late] = [1_700_000_000_123, 1_800_000_000_456];
    const ids = [newRequestId(early), newRequestId(late), newRequestId(late), newAttemptId(early)];
    expect(ids.map((id) => isValid(ulidOf(id)))).toEqual([true, true, true, true]);
    expect(ids.map((id) => decodeTime(ulidOf(id)))).toEqual([early, late, late, early]);
    expect(ids.slice(0, 3).map(requestTime)).toEqual([early, late, late]);
    expect(attemptTime(ids[3] ?? '')).toBe(early);
  });

  it('begins with now unless told, and is never another', () => {
    const before = Date.now();
    const ids = Array.from({ length: 5_000 }, () => newRequestId());
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) {
      expect(requestTime(id)).toBeGreaterThanOrEqual(before);
      expect(requestTime(id)).toBeLessThanOrEqual(Date.now());
    }
  });

  it('is drawn from all characters in each of its places', () => {
    const ids = Array.from({ length: 2_000 }, () => newRequestId());
    const seen = Array.from({ length: 16 }, (_, place) => new Set(ids.map((id) => id.at(-1 - place))).size);
    expect(seen).toEqual(Array.from({ length: 16 }, () => 32));
  });

  it('says nothing of a time where it is not ours', () => {
    const id = newRequestId();
    expect([requestTime('mine'), requestTime(id.slice(0, -1)), requestTime(`${id}0`), attemptTime(id)]).toEqual([
      NaN,
      NaN,
      NaN,
      NaN,
    ]);
  });

  it('has its shard by the first byte of its hash: processes of other builds find its keys', () => {
    for (let i = 0; i < 100; i++) {
      const id = newRequestId();
      const byte = hash('sha1', id, 'buffer')[0] ?? NaN;
      expect(shardOf(id)).toBe(`{s${String(byte % SHARDS).padStart(2, '0')}}`);
    }
  });
});
