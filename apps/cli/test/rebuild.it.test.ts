import { beforeEach, describe, expect, it } from '@jest/globals';
import { insertUsage, usageSummary } from '@llm-gateway/db';
import { OperatorError } from '../src/command.js';
import { rebuild } from '../src/usage/rebuild.js';
import { AT, attempt, request, useDatabase } from './support.js';

const fixture = useDatabase();
const NOVEMBER = ['--from', '2026-11-10', '--to', '2026-11-11'];
const MONTH_MS = 30 * 86_400_000;
const jsonOf = async (...args: string[]) => {
  const { code, out } = await fixture.run(rebuild, [...args, '--json']);
  return { code, ...(JSON.parse(out) as object) };
};
const sums = () =>
  fixture.sql('SELECT * FROM llm_usage_rollups ORDER BY dimensions, grain, bucket, service, customer_id, provider, model');

beforeEach(async () => {
  await fixture.sql('TRUNCATE llm_usage_logs, llm_usage_attempts, llm_usage_rollups');
  await insertUsage(fixture.db, [
    request(attempt({ costNanoUsd: 500_000_000 }), attempt({ costNanoUsd: 250_000_000, status: 'error' })),
    request(attempt({ createdAt: AT - MONTH_MS, costNanoUsd: 125_000_000 })),
  ]);
});

describe('a check of the sums', () => {
  it('ends with 0 where they are those of their rows, of every month that the range touches', async () => {
    const { code, out } = await fixture.run(rebuild, ['--from', '2026-10-31', '--to', '2026-11-02']);
    expect(out.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['Usage from 2026-10-01 up to 2026-12-01 (not included), UTC'],
      [''],
      ['month', 'requests', 'in the sums', 'cost USD', 'in the sums', 'wrong days', "month's own sums"],
      ['2026-10', '1', '1', '0.125', '0.125', '0', 'right'],
      ['2026-11', '1', '1', '0.75', '0.75', '0', 'right'],
      [''],
      ['The sums of 2 months are those of their rows.'],
    ]);
    expect(code).toBe(0);
  });

  it('ends with 2 and names the days where they part, and writes nothing', async () => {
    await fixture.sql(
      `UPDATE llm_usage_rollups SET cost_nano_usd = cost_nano_usd + 1 WHERE grain = 'day' AND dimensions = 0 AND bucket >= '2026-11-01'`,
    );
    const before = await sums();
    expect(await jsonOf(...NOVEMBER)).toMatchObject({
      code: 2,
      applied: false,
      wrong: 1,
      months: [
        {
          month: '2026-11',
          wrong_days: ['2026-11-10'],
          wrong_month: true,
          counted: { cost_nano_usd: 750_000_000 },
          stored: { cost_nano_usd: 750_000_001 },
        },
      ],
    });
    expect(await sums()).toEqual(before);
  });

  it.each(['hour', 'day', 'month'])('sees one lost set of sums of a grain: %s', async (grain) => {
    await fixture.sql(`DELETE FROM llm_usage_rollups WHERE grain = $1 AND dimensions = 13`, [grain]);
    expect((await fixture.run(rebuild, NOVEMBER)).code).toBe(2);
  });
});

describe('a rebuild', () => {
  it('makes every sum anew, and only of the months that were asked for', async () => {
    const right = await sums();
    await fixture.sql(`UPDATE llm_usage_rollups SET requests = requests + 7, latency = NULL WHERE bucket >= '2026-11-01'`);
    await fixture.sql(`DELETE FROM llm_usage_rollups WHERE bucket >= '2026-11-01' AND dimensions = 2`);
    await fixture.sql(`UPDATE llm_usage_rollups SET errors = 9 WHERE bucket < '2026-11-01'`);
    expect(await jsonOf(...NOVEMBER, '--apply')).toMatchObject({ code: 0, applied: true, days: 30 });
    await fixture.sql(`UPDATE llm_usage_rollups SET errors = 0 WHERE bucket < '2026-11-01' AND errors = 9`);
    expect(await sums()).toEqual(right);
    expect((await fixture.run(rebuild, NOVEMBER)).code).toBe(0);
  });

  it('stands in the audit log with its range where it writes, and nowhere where it only looks', async () => {
    const entries = () => fixture.sql(`SELECT key_id, action, target, target_id, after FROM llm_audit_logs`);
    const before = await entries();
    await jsonOf(...NOVEMBER);
    expect(await entries()).toEqual(before);
    await jsonOf(...NOVEMBER, '--apply');
    const range = { from: '2026-11-01T00:00:00.000Z', to: '2026-12-01T00:00:00.000Z', days: 30 };
    const after = { command: 'usage:rebuild-rollups', ...range };
    const entry = { key_id: 'system', action: 'usage.rebuild_rollups', target: 'usage', target_id: '*', after };
    expect(await entries()).toEqual([...before, entry]);
  });

  it('writes nothing that it cannot put on record', async () => {
    await fixture.sql(`UPDATE llm_usage_rollups SET errors = 9`);
    const before = await sums();
    await fixture.sql('ALTER TABLE llm_audit_logs RENAME TO elsewhere');
    try {
      await expect(fixture.run(rebuild, [...NOVEMBER, '--apply'])).rejects.toThrow();
    } finally {
      await fixture.sql('ALTER TABLE elsewhere RENAME TO llm_audit_logs');
    }
    expect(await sums()).toEqual(before);
  });

  it('leaves sums alone whose rows are gone', async () => {
    await fixture.sql(`DELETE FROM llm_usage_logs WHERE created_at < '2026-11-01'`);
    const before = await sums();
    const { code, out, notes } = await fixture.run(rebuild, ['--from', '2026-09-01', '--to', '2026-12-01', '--apply']);
    expect({ code, out }).toEqual({ code: 0, out: 'Rebuilt the sums of 30 days and their months.' });
    expect(notes).toContain('there are no rows of 2026-09-01 up to 2026-11-01');
    expect(await sums()).toEqual(before);
    const year = { from: new Date('2026-01-01'), to: new Date('2027-01-01') };
    expect(await usageSummary(fixture.db, year)).toMatchObject({ requests: 2, cost_usd: 0.875 });
  });

  it('has nothing to do where there is no row at all', async () => {
    await fixture.sql('TRUNCATE llm_usage_logs, llm_usage_attempts, llm_usage_rollups');
    expect(await jsonOf(...NOVEMBER, '--apply')).toMatchObject({ code: 0, days: 0 });
    expect(await jsonOf(...NOVEMBER)).toMatchObject({ code: 0, months: [] });
  });

  it('stops after the day under way, and says where to go on', async () => {
    const { code, out, notes } = await fixture.run(rebuild, [...NOVEMBER, '--apply'], AbortSignal.abort());
    expect({ code, out, notes }).toEqual({
      code: 130,
      out: '',
      notes: 'stopped; 0 days are rebuilt; go on with --from 2026-11-01',
    });
  });

  it('wants a range', async () => {
    await expect(fixture.run(rebuild, ['--apply'])).rejects.toThrow(OperatorError);
  });
});
