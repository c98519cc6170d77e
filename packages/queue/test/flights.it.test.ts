import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Flights, type Redis } from '../src/index.js';
import { startHarness, until, type Harness } from './harness.js';

const RECORD = { requestId: 'req_1', bodyHash: 'b' };
const OTHER = { requestId: 'req_2', bodyHash: 'b' };

let harness: Harness;
let hasty: Redis;
let flights: Flights;

beforeAll(async () => {
  harness = await startHarness();
  hasty = await harness.client('fail-fast');
  flights = new Flights(hasty);
});
afterAll(() => harness.close());

/** What is asked of a server that is frozen until it has been given up. */
async function whileFrozen(ask: () => Promise<unknown>): Promise<void> {
  process.kill(harness.server.pid, 'SIGSTOP');
  try {
    await expect(ask()).rejects.toThrow('Command timed out');
  } finally {
    process.kill(harness.server.pid, 'SIGCONT');
  }
}

describe('a claim on a frozen Redis, which carries it out when it wakes', () => {
  it('of an idempotency key holds up nobody who comes after it', async () => {
    await flights.claimIdempotencyKey('warm-up', RECORD);
    await flights.releaseIdempotencyKey('warm-up', RECORD);
    await whileFrozen(() => flights.claimIdempotencyKey('key', RECORD));
    // On the same connection: behind all that was asked there before.
    await until(() =>
      hasty.ping().then(
        () => true,
        () => false,
      ),
    );
    const second = new Flights(await harness.client());
    await expect(second.claimIdempotencyKey('key', OTHER)).resolves.toBeNull();
  });

  it('of a flight leaves the lead to others', async () => {
    await whileFrozen(() => flights.lead('flight', 'req_1', 60_000));
    await until(() =>
      hasty.ping().then(
        () => true,
        () => false,
      ),
    );
    const second = new Flights(await harness.client());
    await expect(second.lead('flight', 'req_2', 60_000)).resolves.toBe('req_2');
  });

  it('leaves a claim alone that somebody else has', async () => {
    const first = new Flights(await harness.client());
    await first.claimIdempotencyKey('taken', OTHER);
    await whileFrozen(() => flights.claimIdempotencyKey('taken', RECORD));
    await until(() =>
      hasty.ping().then(
        () => true,
        () => false,
      ),
    );
    await expect(first.claimIdempotencyKey('taken', RECORD)).resolves.toEqual(OTHER);
  });
});
