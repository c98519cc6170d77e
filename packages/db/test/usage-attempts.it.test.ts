import { beforeAll, describe, expect, it } from '@jest/globals';
import { newRequestId } from '@llm-gateway/shared';
import { insertUsage, providerErrors, unpricedModels, usageSummary } from '../src/index.js';
import { useDatabase } from './database-fixture.js';
import { ARRIVED, lateEvent, sampleAttempt, sampleEvent, sampleLog } from './samples.js';

const fixture = useDatabase();
const filter = { from: new Date(ARRIVED), to: new Date(ARRIVED + 1_000) };
const unknown = { costNanoUsd: null, unpricedReason: 'unknown model', servedModel: 'new-model-2', priceVersion: null };

beforeAll(async () => {
  const fellBack = sampleLog({ attemptCount: 3 });
  const twice = sampleLog({ service: 'chat', attemptCount: 2, costNanoUsd: null, unpricedReason: 'unknown model' });
  await insertUsage(fixture.db, [
    sampleEvent(),
    {
      v: 1,
      log: fellBack,
      attempts: [
        sampleAttempt(fellBack.id, { provider: 'claude-main', status: 'error', error: 'overloaded' }),
        sampleAttempt(fellBack.id, { provider: 'claude-main', status: 'error', error: 'aborted', number: 2 }),
        sampleAttempt(fellBack.id, { number: 3 }),
      ],
    },
    {
      v: 1,
      log: twice,
      attempts: [
        sampleAttempt(twice.id, { ...unknown, createdAt: ARRIVED + 10 }),
        sampleAttempt(twice.id, { ...unknown, createdAt: ARRIVED + 90, number: 2 }),
      ],
    },
    sampleEvent({ createdAt: ARRIVED + 2_000, service: 'later', costNanoUsd: null }),
    lateEvent(sampleAttempt(newRequestId(ARRIVED), unknown)),
  ]);
});

describe('errors by provider', () => {
  it('count against the one that failed, although another answered, and not for calls that we ended', async () => {
    expect(await providerErrors(fixture.db, filter)).toEqual([
      { provider: 'openai-main', calls: 4, errors: 0, error_rate: 0 },
      { provider: 'claude-main', calls: 2, errors: 1, error_rate: 0.5 },
    ]);
  });

  it('are of the provider that was called, where one is asked for', async () => {
    expect(await providerErrors(fixture.db, { ...filter, provider: 'claude-main' })).toMatchObject([{ calls: 2, errors: 1 }]);
    expect(await providerErrors(fixture.db, { ...filter, service: 'chat' })).toMatchObject([
      { provider: 'openai-main', calls: 2 },
    ]);
  });
});

describe('models without a price', () => {
  it('show requests once, all their tokens, the reason and when they were last seen', async () => {
    expect(await unpricedModels(fixture.db, filter, 10)).toEqual([
      {
        provider: 'openai-main',
        provider_type: 'openai',
        model: 'new-model-2',
        reason: 'unknown model',
        requests: 1,
        input_tokens: 2 * 127,
        output_tokens: 2 * 50,
        last_seen: new Date(ARRIVED + 90).toISOString(),
      },
    ]);
    expect(await usageSummary(fixture.db, filter)).toMatchObject({ unpriced_requests: 1 });
  });

  it('are those of the service that is asked for', async () => {
    expect(await unpricedModels(fixture.db, { ...filter, service: 'billing' }, 10)).toEqual([]);
  });
});
