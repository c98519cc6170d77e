import { beforeEach, describe, expect, it } from '@jest/globals';
import { insertUsage } from '@llm-gateway/db';
import { NO_TOKENS } from '@llm-gateway/shared';
import { OperatorError } from '../src/command.js';
import { recompute } from '../src/prices/recompute.js';
import { AT, attempt, request, useDatabase } from './support.js';

const fixture = useDatabase();
beforeEach(async () => {
  await fixture.sql('TRUNCATE llm_usage_logs, llm_usage_attempts, llm_provider_configs CASCADE');
});

const RANGE = ['--from', '2026-11-10', '--to', '2026-11-11'];
const jsonOf = async (...args: string[]) => {
  const { code, out } = await fixture.run(recompute, [...RANGE, '--json', ...args]);
  return { code, ...(JSON.parse(out) as object) };
};
const stored = (table: 'attempts' | 'logs') =>
  fixture.sql<{ cost: string | null }>(`SELECT cost_usd::text AS cost FROM llm_usage_${table} ORDER BY created_at, id`);
const costs = async (table: 'attempts' | 'logs') => (await stored(table)).map(({ cost }) => cost);

// https://openai.com/api/pricing: gpt-4o-mini $0.15 in and $0.60 out per million tokens; an attempt of the tests has a million of each.
const RIGHT_NANO = 750_000_000;

describe('a re-pricing', () => {
  it('shows what each model would cost, and writes nothing', async () => {
    await fixture.addProvider({});
    const right = attempt({ model: 'gpt-4o', servedModel: 'gpt-4o-2024-08-06', costNanoUsd: 12_500_000_000 });
    await insertUsage(fixture.db, [
      request(attempt({ costNanoUsd: 500_000_000 }), attempt({ costNanoUsd: null })),
      request(right),
    ]);
    const { code, out } = await fixture.run(recompute, RANGE);
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['Attempts from 2026-11-10T00:00:00.000Z to 2026-11-11T00:00:00.000Z: 3 of 2 models'],
      [''],
      ['provider', 'model', 'attempts', 'changed', 'cost USD', 'new cost USD', 'difference', 'kept', 'unpriced'],
      ['openai-main', 'gpt-4o-mini-2024-07-18', '2', '2', '0.50', '1.50', '1.00', '+200.0 %', '0', '0'],
      ['all', '3', '2', '13.00', '14.00', '1.00', '+7.7 %', '0', '0'],
      [''],
      ['Not shown: 1 models that stay as they are.'],
      [''],
      ['Nothing is written yet: add --apply to write these costs.'],
    ]);
    expect((await costs('attempts')).sort()).toEqual(['0.500000000', '12.500000000', null].sort());
  });

  it('writes attempts and their requests with --apply, and finds nothing to do the next time', async () => {
    await fixture.addProvider({});
    const event = request(attempt({ costNanoUsd: 1 }), attempt({ costNanoUsd: null, unpricedReason: 'no price for x' }));
    await insertUsage(fixture.db, [event]);
    expect(await jsonOf('--apply')).toMatchObject({
      code: 0,
      applied: true,
      written: 2,
      price_table: expect.stringMatching(/^genai-prices@/),
      total: { changed: 2, newly_priced: 1 },
    });
    expect(await costs('attempts')).toEqual(['0.750000000', '0.750000000']);
    expect(await fixture.sql('SELECT cost_usd::text, unpriced_reason FROM llm_usage_logs')).toEqual([
      { cost_usd: '1.500000000', unpriced_reason: null },
    ]);
    const [row] = await fixture.sql('SELECT price_version, unpriced_reason FROM llm_usage_attempts WHERE number = 2');
    expect(row).toEqual({ price_version: expect.stringMatching(/^genai-prices@\d/), unpriced_reason: null });
    expect(await jsonOf('--apply')).toMatchObject({ written: 0, total: { changed: 0, old_cost_usd: 1.5, new_cost_usd: 1.5 } });
  });

  it('stands in the audit log with its range and counts where it writes, and nowhere where it does not', async () => {
    await fixture.addProvider({});
    await insertUsage(fixture.db, [request(attempt({ costNanoUsd: 1 }), attempt({ costNanoUsd: RIGHT_NANO }))]);
    const entries = () =>
      fixture.sql(`SELECT key_id, action, target, target_id, after FROM llm_audit_logs WHERE target = 'usage'`);
    const before = await entries();
    await jsonOf();
    expect(await entries()).toEqual(before);
    await jsonOf('--apply');
    const after = {
      command: 'prices:recompute',
      from: '2026-11-10T00:00:00.000Z',
      to: '2026-11-11T00:00:00.000Z',
      price_table: expect.stringMatching(/^genai-prices@/),
      ...{ attempts: 2, changed: 1, newly_priced: 0, kept: 0, unpriced: 0, estimated: 0 },
      ...{ old_cost_usd: 0.750000001, new_cost_usd: 1.5 },
    };
    const entry = { key_id: 'system', action: 'usage.recompute', target: 'usage', target_id: '*', after };
    expect(await entries()).toEqual([...before, entry]);
    await jsonOf('--apply');
    expect(await entries()).toHaveLength(before.length + 1);
  });

  it('writes nothing that it cannot put on record', async () => {
    await fixture.addProvider({});
    await insertUsage(fixture.db, [request(attempt({ costNanoUsd: 1 }))]);
    await fixture.sql('ALTER TABLE llm_audit_logs RENAME TO elsewhere');
    try {
      await expect(fixture.run(recompute, [...RANGE, '--apply'])).rejects.toThrow();
    } finally {
      await fixture.sql('ALTER TABLE elsewhere RENAME TO llm_audit_logs');
    }
    expect(await costs('attempts')).toEqual(['0.000000001']);
  });

  it("takes a provider's own pricing before the table", async () => {
    await fixture.addProvider({ pricing: { input_per_mtok: 2, output_per_mtok: 8 } });
    await insertUsage(fixture.db, [request(attempt({ costNanoUsd: RIGHT_NANO }))]);
    await jsonOf('--apply');
    expect(await fixture.sql('SELECT cost_usd::text, price_version FROM llm_usage_attempts')).toEqual([
      { cost_usd: '10.000000000', price_version: 'provider' },
    ]);
    expect(await costs('logs')).toEqual(['10.000000000']);
  });

  it('leaves estimated attempts flagged, and what was not billed at 0', async () => {
    await fixture.addProvider({});
    const abandoned = attempt({ status: 'abandoned', estimated: true, servedModel: null });
    const refused = attempt({ status: 'error', error: 'overloaded', tokens: NO_TOKENS, costNanoUsd: 0, priceVersion: null });
    await insertUsage(fixture.db, [request(refused, abandoned)]);
    expect(await jsonOf('--apply')).toMatchObject({ written: 1, total: { changed: 1, estimated: 1, kept: 0 } });
    expect(await fixture.sql('SELECT status, estimated, cost_usd::text FROM llm_usage_attempts ORDER BY number')).toEqual([
      { status: 'error', estimated: false, cost_usd: '0.000000000' },
      { status: 'abandoned', estimated: true, cost_usd: '0.750000000' },
    ]);
    expect(await costs('logs')).toEqual(['0.750000000']);
  });

  it('never turns a known cost into an unknown one', async () => {
    await fixture.addProvider({});
    const gone = attempt({ model: 'gone-model', servedModel: null, costNanoUsd: 7 });
    const ownPrice = attempt({ provider: 'deleted', costNanoUsd: 8, priceVersion: 'provider' });
    const custom = attempt({ provider: 'deleted-too', providerType: 'custom', costNanoUsd: 9 });
    await insertUsage(fixture.db, [request(gone), request(ownPrice), request(custom)]);
    expect(await jsonOf('--apply')).toMatchObject({ written: 0, total: { attempts: 3, changed: 0, kept: 3, unpriced: 0 } });
    expect((await costs('attempts')).sort()).toEqual(['0.000000007', '0.000000008', '0.000000009']);
  });

  it('knows the price of a deleted provider whose vendor has one price everywhere', async () => {
    await insertUsage(fixture.db, [request(attempt({ provider: 'deleted' }))]);
    expect(await jsonOf()).toMatchObject({ total: { changed: 1, new_cost_usd: 0.75 } });
  });

  it('takes the attempts of the range alone: its end is not in it', async () => {
    await fixture.addProvider({});
    const times = [
      '2026-11-09T23:59:59.999Z',
      '2026-11-10T00:00:00.000Z',
      '2026-11-10T23:59:59.999Z',
      '2026-11-11T00:00:00.000Z',
    ];
    await insertUsage(
      fixture.db,
      times.map((time) => request(attempt({ createdAt: Date.parse(time) }))),
    );
    await jsonOf('--apply');
    expect(await costs('attempts')).toEqual(['0.000000001', '0.750000000', '0.750000000', '0.000000001']);
  });

  it('reads thousands of attempts of one moment, each once', async () => {
    await fixture.addProvider({});
    await insertUsage(
      fixture.db,
      Array.from({ length: 2_100 }, () => request(attempt())),
    );
    expect(await jsonOf('--apply')).toMatchObject({ written: 2_100, total: { attempts: 2_100, new_cost_usd: 1_575 } });
    expect(await fixture.sql(`SELECT sum(cost_usd)::text AS sum FROM llm_usage_logs`)).toEqual([{ sum: '1575.000000000' }]);
  });

  it('goes on where a stopped one ended', async () => {
    await fixture.addProvider({});
    const events = Array.from({ length: 2_100 }, (_, index) => request(attempt({ createdAt: AT + index })));
    await insertUsage(fixture.db, events);
    const stop = new AbortController();
    // Held, so that the second batch waits until the operator has spoken.
    await fixture.sql('BEGIN');
    await fixture.sql('SELECT 1 FROM llm_usage_attempts WHERE id = $1 FOR UPDATE', [events[1_500]!.attempts[0]!.id]);
    const stopped = fixture.run(recompute, [...RANGE, '--apply', '--json'], stop.signal);
    // The first written batch is the moment at which the operator has enough.
    for (let written = false; !written;) {
      written = (await fixture.sql('SELECT 1 FROM llm_usage_attempts WHERE cost_usd = 0.75 LIMIT 1')).length > 0;
    }
    stop.abort();
    await fixture.sql('COMMIT');
    const { code, out, notes } = await stopped;
    expect([code, JSON.parse(out).written, notes]).toEqual([130, 2_000, 'stopped; go on with --from 2026-11-10T12:00:01.999Z']);
    expect(await jsonOf('--apply')).toMatchObject({ code: 0, written: 100 });
    expect(await fixture.sql('SELECT DISTINCT cost_usd::text AS cost FROM llm_usage_logs')).toEqual([{ cost: '0.750000000' }]);
  });

  it('prices the closure, where an abandoned attempt is closed in the meantime', async () => {
    await fixture.addProvider({});
    const open = attempt({ status: 'abandoned', estimated: true, costNanoUsd: 5, servedModel: null });
    const event = request(open);
    await insertUsage(fixture.db, [event]);
    const closed = { ...event.attempts[0]!, status: 'ok' as const, estimated: false, costNanoUsd: RIGHT_NANO };
    await Promise.all([jsonOf('--apply'), insertUsage(fixture.db, [{ v: 1, log: null, attempts: [closed] }])]);
    expect(await fixture.sql('SELECT status, estimated, cost_usd::text FROM llm_usage_attempts')).toEqual([
      { status: 'ok', estimated: false, cost_usd: '0.750000000' },
    ]);
    expect(await costs('logs')).toEqual(['0.750000000']);
  });
});

describe('what the operator says', () => {
  it.each<[string, string[], string]>([
    ['no range', [], '--from is required'],
    ['half a range', ['--from', '2026-11-10'], '--to is required'],
    ['an empty range', ['--from', '2026-11-10', '--to', '2026-11-10'], '--from must be before --to'],
    ['a day that there is not', ['--from', '2026-02-30', '--to', '2026-11-10'], '--from must be a day'],
    ['a moment of no known zone', ['--from', '2026-11-10T10:00:00', '--to', '2026-11-11'], '--from must be a day'],
    ['an unknown option', [...RANGE, '--force'], "Unknown option '--force'"],
  ])('is refused before anything is asked of the database: %s', async (_, args, message) => {
    const refused = fixture.run(recompute, args);
    await expect(refused).rejects.toThrow(OperatorError);
    await expect(refused).rejects.toThrow(message);
  });
});
