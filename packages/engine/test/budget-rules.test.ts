import { describe, expect, it } from '@jest/globals';
import { windowAt } from '@llm-gateway/shared';
import { dueThresholds } from '../src/budgets/due-thresholds.js';
import { webhookHeaders } from '../src/budgets/sign-webhook.js';
import { estimateCost, parseWebhookSecrets } from '../src/index.js';
import { providerConfig, request } from './samples.js';

describe("a budget's window", () => {
  it.each([
    ['day', '2026-02-28T23:59:59.999Z', '2026-02-28', '2026-03-01T00:00:00.000Z'],
    ['day', '2028-02-28T00:00:00.000Z', '2028-02-28', '2028-02-29T00:00:00.000Z'],
    ['month', '2026-12-31T23:59:59.999Z', '2026-12', '2027-01-01T00:00:00.000Z'],
  ] as const)('of a %s at %s is %s, until %s', (window, at, name, end) => {
    const span = windowAt(window, Date.parse(at));
    expect([span.name, new Date(span.endsAt).toISOString()]).toEqual([name, end]);
    expect(windowAt(window, span.startsAt)).toEqual(span);
    expect(windowAt(window, span.endsAt).startsAt).toBe(span.endsAt);
  });
});

describe('the thresholds that are due', () => {
  const due = (hard: number | null, soft: number | null, spent: number, refused = false) =>
    dueThresholds({ hardLimitNanoUsd: hard, softLimitNanoUsd: soft }, { spentNanoUsd: spent, refused }).map(
      ({ limit, threshold }) => `${limit} ${threshold}`,
    );

  it('are parts of the hard limit, reached by the very last nano-dollar', () => {
    expect(due(1_000, null, 499)).toEqual([]);
    expect(due(1_000, null, 500)).toEqual(['hard 50']);
    expect(due(1_000, null, 999)).toEqual(['hard 50', 'hard 80']);
    expect(due(1_000, null, 1_000)).toEqual(['hard 50', 'hard 80', 'hard 100']);
  });

  it('hold the whole hard limit for reached once it refuses', () =>
    expect(due(1_000, null, 900, true)).toEqual(['hard 50', 'hard 80', 'hard 100']));

  it('are parts of the soft limit where there is no other, and else just its passing', () => {
    expect(due(null, 1_000, 800)).toEqual(['soft 50', 'soft 80']);
    expect(due(1_000, 600, 600)).toEqual(['hard 50', 'soft 100']);
  });
});

describe('the estimated cost of a request', () => {
  const cheap = providerConfig({ name: 'cheap', pricing: { input_per_mtok: 1, output_per_mtok: 1 } });
  const dear = providerConfig({ name: 'dear', pricing: { input_per_mtok: 10, output_per_mtok: 100 } });
  const unknown = providerConfig({ name: 'unknown', type: 'custom', baseUrl: 'https://models.example.com/v1' });
  const providers = [cheap, dear, unknown];
  const candidates = (...names: string[]) => names.map((provider) => ({ provider, type: 'custom' as const, model: 'home-made' }));
  const asked = request({ prompt: 'x'.repeat(4_000), max_tokens: 50 });

  it('is that of the dearest candidate whose price is known', () => {
    expect(estimateCost({ providers }, candidates('cheap', 'dear', 'unknown'), asked)).toBe(1_000 * 10_000 + 50 * 100_000);
    expect(estimateCost({ providers }, candidates('cheap'), asked)).toBe(1_050 * 1_000);
  });

  it('takes an answer of 1,024 tokens for granted where the request says nothing', () => {
    expect(estimateCost({ providers }, candidates('cheap'), { ...asked, max_tokens: undefined })).toBe(2_024 * 1_000);
  });

  it('is unknown, and not nothing, where no price is known', () =>
    expect(estimateCost({ providers }, candidates('unknown'), asked)).toBeNull());
});

describe('a webhook', () => {
  // The example of the specification's libraries.
  const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', at: new Date(1_614_265_330_000), body: '{"test": 2432232314}' };
  const SIGNATURE = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';

  it('is signed as Standard Webhooks publishes it', () =>
    expect(webhookHeaders([SECRET], message)).toMatchObject({
      'webhook-id': message.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': SIGNATURE,
    }));

  it('is signed by every secret while they are rotated', () => {
    const secrets = parseWebhookSecrets(`whsec_${Buffer.alloc(24, 7).toString('base64')}, ${SECRET}`);
    const signatures = webhookHeaders(secrets, message)['webhook-signature']?.split(' ');
    expect(signatures).toHaveLength(2);
    expect(signatures).toContain(SIGNATURE);
  });

  it.each(['', 'whsec_', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_c2hvcnQ=', `${SECRET},`])('has no secret in %j', (text) => {
    expect(() => parseWebhookSecrets(text)).toThrow('must be whsec_ and base64');
  });
});
