import { afterEach, describe, expect, it } from '@jest/globals';
import { LocalLimiter } from '../src/index.js';

let replicas = 1;
const limiter = new LocalLimiter(() => replicas);
afterEach(() => limiter.close());

/** @returns how many of `count` calls are let through at once. */
async function admitted(count: number): Promise<number> {
  const call = () => ({ weight: 1, deadline: Date.now() + 5_000, longestCallMs: 5_000 });
  let permits = 0;
  for (let i = 0; i < count; i++) {
    const limits = { rpmLimit: 60, tpmLimit: null, maxConcurrency: null };
    if ((await limiter.admit('p', limits, call())).kind === 'permit') permits++;
  }
  return permits;
}

describe("one process' share of a limit", () => {
  it('keeps what its minute has used when the number of replicas changes', async () => {
    expect(await admitted(40)).toBe(40);
    replicas = 2;
    expect(await admitted(1)).toBe(0);
    replicas = 1;
    expect(await admitted(21)).toBe(20);
  });
});
