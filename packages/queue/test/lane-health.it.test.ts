import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LaneHealth, type Redis } from '../src/index.js';
import { keys } from '../src/keys.js';
import { startHarness, type Harness } from './harness.js';

let harness: Harness;
let admin: Redis;
let here: LaneHealth;
let elsewhere: LaneHealth;

beforeAll(async () => {
  harness = await startHarness();
  admin = await harness.client();
  here = new LaneHealth(await harness.client());
  elsewhere = new LaneHealth(await harness.client());
});
afterAll(() => harness.close());

/** Lets an open circuit's time pass without waiting for it. */
async function coolDown(provider: string): Promise<void> {
  const record = JSON.parse((await admin.get(keys.circuit(provider))) ?? '{}') as { cooldownMs: number };
  await admin.set(keys.circuit(provider), JSON.stringify({ ...record, openUntil: Date.now() - 1 }));
}

describe('a lane', () => {
  it('is free to use, until a replica says otherwise', async () => {
    expect(await here.check('calm')).toEqual({ kind: 'go', probe: false, hadFailures: false });
  });

  it('paused by one replica is paused for all, and a shorter pause does not cut a longer one', async () => {
    const until = Date.now() + 5_000;
    await here.pause('busy', until);
    await elsewhere.pause('busy', Date.now() + 1_000);
    expect(await elsewhere.check('busy')).toEqual({ kind: 'paused', until });
    expect((await here.statuses(['busy'])).get('busy')?.pausedUntil).toBe(until);
  });

  it('opens its circuit after five failures in a row counted over replicas', async () => {
    for (let i = 0; i < 4; i++) await (i % 2 ? here : elsewhere).failed('ill', false);
    expect((await here.check('ill')).kind).toBe('go');
    await here.failed('ill', false);
    expect((await elsewhere.check('ill')).kind).toBe('open');
    expect((await here.statuses(['ill'])).get('ill')?.circuit).toBe('open');
  });

  it('opens its circuit at once for a refused key', async () => {
    await here.failed('locked', true);
    expect((await elsewhere.check('locked')).kind).toBe('open');
  });

  it('lets one probe through when the time is over, and closes after its success', async () => {
    await here.failed('healing', true);
    await coolDown('healing');
    expect((await here.statuses(['healing'])).get('healing')?.circuit).toBe('half_open');
    const checks = await Promise.all([here.check('healing'), elsewhere.check('healing'), here.check('healing')]);
    expect(checks.filter((check) => check.kind === 'go')).toEqual([{ kind: 'go', probe: true, hadFailures: true }]);
    await here.recovered('healing');
    expect(await elsewhere.check('healing')).toEqual({ kind: 'go', probe: false, hadFailures: false });
  });

  it('stays open for longer after a failed probe', async () => {
    await here.failed('stubborn', true);
    await coolDown('stubborn');
    expect((await here.check('stubborn')).kind).toBe('go');
    await here.failed('stubborn', false);
    const check = await here.check('stubborn');
    expect(check.kind).toBe('open');
    expect(check.kind === 'open' && check.until - Date.now()).toBeGreaterThan(8_000);
  });

  it('counts the workers that have shown life lately', async () => {
    await here.heartbeat('worker-1', ['served']);
    await elsewhere.heartbeat('worker-2', ['served']);
    await admin.zadd(keys.workers('served'), Date.now() - 10_000, 'worker-dead');
    expect((await here.statuses(['served'])).get('served')?.workers).toBe(2);
    await here.leave('worker-1', 'served');
    expect((await here.statuses(['served', 'unserved'])).get('served')?.workers).toBe(1);
  });
});
