import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ConfigSnapshot, ProviderConfig } from '@llm-gateway/shared';
import { announceConfigChange, onConfigChange, readConfigMirror, writeConfigMirror, type Redis } from '../src/index.js';
import { keys } from '../src/keys.js';
import { startHarness, until, type Harness } from './harness.js';

let harness: Harness;
let redis: Redis;

beforeAll(async () => {
  harness = await startHarness();
  redis = await harness.client();
});
afterAll(() => harness.close());
beforeEach(() => redis.flushall());

const AT = '2026-01-01T00:00:00.000Z';
const PROVIDER: ProviderConfig = {
  id: '0b0c6a52-8f0e-4b5e-9d0e-0d9f4c4f2a11',
  name: 'openai-main',
  type: 'openai',
  apiKeyCiphertext: 'v1.k1.ciphertext',
  apiKeyHint: '…abcd',
  previousKeyCiphertext: 'v1.k1.previous',
  previousKeyUntil: AT,
  baseUrl: 'https://proxy.example/v1',
  defaultModel: 'gpt-4o-mini',
  models: ['gpt-4o-mini', 'gpt-4o'],
  priority: 1,
  enabled: true,
  rpmLimit: 60,
  tpmLimit: null,
  maxConcurrency: 4,
  timeoutMs: 30_000,
  maxRetries: 2,
  pricing: { input_per_mtok: 0.15, output_per_mtok: 0.6 },
  standIn: true,
  version: 3,
  createdAt: AT,
  updatedAt: AT,
};
const snapshot = (version: number, overrides: Partial<ConfigSnapshot> = {}): ConfigSnapshot => ({
  version,
  providers: [PROVIDER],
  overrides: [
    {
      id: 'o1',
      customerId: 'acme',
      service: null,
      provider: 'openai-main',
      model: null,
      enabled: true,
      version: 2,
      createdAt: AT,
      updatedAt: AT,
    },
  ],
  unreadable: ['future'],
  budgets: [],
  ...overrides,
});

describe('the mirror of the configuration', () => {
  it('gives back what was written, all of it', async () => {
    await writeConfigMirror(redis, snapshot(1));
    expect(await readConfigMirror(redis)).toEqual(snapshot(1));
  });

  it('does not exist before it is written', async () => {
    expect(await readConfigMirror(redis)).toBeNull();
  });

  it('is never overwritten by an older version, be it late or at the same time', async () => {
    await writeConfigMirror(redis, snapshot(10));
    await writeConfigMirror(redis, snapshot(9, { providers: [] }));
    expect(await readConfigMirror(redis)).toEqual(snapshot(10));
    await Promise.all([12, 11, 14, 13].map(async (version) => writeConfigMirror(await harness.client(), snapshot(version))));
    expect((await readConfigMirror(redis))?.version).toBe(14);
  });

  it('takes the same version again, which another build may have read more of', async () => {
    await writeConfigMirror(redis, snapshot(1, { providers: [], unreadable: ['openai-main'] }));
    await writeConfigMirror(redis, snapshot(1));
    expect(await readConfigMirror(redis)).toEqual(snapshot(1));
  });

  it('leaves out a provider that this build cannot understand, and it alone', async () => {
    const { providers, ...rest } = snapshot(1);
    const future = { ...PROVIDER, name: 'future', type: 'not-invented-yet' };
    await redis.set(keys.configMirror, JSON.stringify({ ...rest, providers: [future, ...providers] }));
    expect(await readConfigMirror(redis)).toEqual(snapshot(1));
  });

  it('counts as none where it has another shape', async () => {
    for (const other of ['{}', '[]', '{"version":"one","providers":[]}']) {
      await redis.set(keys.configMirror, other);
      expect(await readConfigMirror(redis)).toBeNull();
    }
  });
});

describe('the word of a change', () => {
  it('reaches every process that listens, also after its connection broke', async () => {
    const heard: Redis[] = [];
    const subscribers = [await harness.client(), await harness.client()];
    for (const subscriber of subscribers) onConfigChange(subscriber, () => heard.push(subscriber));
    const listening = async () => ((await redis.pubsub('NUMSUB', keys.configChanged)) as [string, number])[1];
    await until(async () => (await listening()) === 2);
    await announceConfigChange(redis);
    await until(() => heard.length === 2 && new Set(heard).size === 2);
    for (const subscriber of subscribers) subscriber.disconnect(true);
    await until(async () => (await listening()) === 0);
    await until(async () => (await listening()) === 2);
    await announceConfigChange(redis);
    await until(() => heard.length === 4);
  });
});
