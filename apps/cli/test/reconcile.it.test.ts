import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { insertUsage } from '@llm-gateway/db';
import { NO_TOKENS, type UsageAttempt } from '@llm-gateway/shared';
import type { Reconciliation } from '../src/usage/reconciliation.js';
import { reconcile } from '../src/usage/reconcile.js';
import { attempt, request, useDatabase } from './support.js';

const fixture = useDatabase();
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reconcile-'));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  await fixture.sql('TRUNCATE llm_usage_logs, llm_usage_attempts, llm_provider_configs CASCADE');
  await fixture.addProvider({});
});

const file = async (...lines: string[]): Promise<string> => {
  const path = join(folder, `${crypto.randomUUID()}.csv`);
  await writeFile(path, lines.join('\n'));
  return path;
};
const PLAIN = 'date,model,input_tokens,output_tokens,cost';
const DAY = ['--provider', 'openai-main', '--json', '--file'];
const resultOf = async (...args: string[]) => {
  const { code, out } = await fixture.run(reconcile, args);
  return { code, ...(JSON.parse(out) as Reconciliation) };
};
const used = (day: string, fields: Partial<UsageAttempt>) =>
  insertUsage(fixture.db, [request(attempt({ createdAt: Date.parse(day), ...fields }))]);
const tokens = (input: number, output: number) => ({ ...NO_TOKENS, uncachedInput: input, output });

describe('a reconciliation', () => {
  it('finds no gap where both sides agree within 5 %, cached input and failed attempts included', async () => {
    await used('2026-11-01T00:00:00Z', {
      tokens: { ...tokens(10, 50), cacheRead: 60, cacheWrite: 20, cacheWrite1h: 10 },
      costNanoUsd: 1_000,
    });
    await used('2026-11-01T23:59:59.999Z', {
      status: 'error',
      error: 'timeout',
      estimated: true,
      servedModel: null,
      tokens: tokens(5, 0),
      costNanoUsd: 50,
    });
    const { code, gaps, totals, days } = await resultOf(...DAY, await file(PLAIN, '2026-11-01,gpt-4o-mini,100,50,0.000001'));
    expect({ code, gaps }).toEqual({ code: 0, gaps: 0 });
    expect(totals).toEqual({
      ours: { input_tokens: 105, output_tokens: 50, cost_usd: 0.00000105 },
      theirs: { input_tokens: 100, output_tokens: 50, cost_usd: 0.000001 },
    });
    expect(days).toMatchObject([{ day: '2026-11-01', model: 'gpt-4o-mini', ours: { attempts: 2, estimated: 1 } }]);
  });

  it('names each gap over 5 %, and tells by its exit code', async () => {
    await used('2026-11-01T12:00:00Z', { tokens: tokens(106, 50), costNanoUsd: 90_000_000 });
    await used('2026-11-02T12:00:00Z', { tokens: tokens(100, 50), costNanoUsd: null, unpricedReason: 'unknown' });
    const invoice = await file(PLAIN, '2026-11-01,gpt-4o-mini,100,50,0.1', '2026-11-02,gpt-4o-mini,100,50,0.1');
    const { code, gaps, days } = await resultOf(...DAY, invoice);
    expect({ code, gaps }).toEqual({ code: 2, gaps: 2 });
    expect(days.map((day) => day.gaps)).toEqual([
      [
        { measure: 'input_tokens', difference: 6, share: 0.06 },
        { measure: 'cost_usd', difference: expect.closeTo(-0.01, 9), share: expect.closeTo(-0.1, 9) },
      ],
      [{ measure: 'cost_usd', difference: -0.1, share: -1 }],
    ]);
    const { out } = await fixture.run(reconcile, ['--provider', 'openai-main', '--file', invoice]);
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['openai-main beside plain, 2026-11-01 up to 2026-11-03 (not included), UTC'],
      [''],
      ['day', 'model', 'measure', 'ours', "vendor's", 'difference'],
      ['2026-11-01', 'gpt-4o-mini', 'input_tokens', '106', '100', '6', '+6.0 %'],
      ['2026-11-01', 'gpt-4o-mini', 'cost_usd', '0.09', '0.10', '-0.01', '-10.0 %'],
      ['2026-11-02', 'gpt-4o-mini', 'cost_usd', '0.00', '0.10', '-0.10', '-100.0 %'],
      ['all days', 'all models', 'input_tokens', '206', '200', '6', '+3.0 %'],
      ['all days', 'all models', 'output_tokens', '100', '100', '0', '0.0 %'],
      ['all days', 'all models', 'cost_usd', '0.09', '0.20', '-0.11', '-55.0 %'],
      [''],
      ['Gaps over 5 % in 2 of 2 days of models.'],
      ['1 of our calls in them have no price: their cost is missing from ours.'],
    ]);
  });

  it('names what one side does not have at all', async () => {
    await used('2026-11-02T12:00:00Z', { model: 'gpt-4o', servedModel: null, tokens: tokens(7, 1), costNanoUsd: 100 });
    const invoice = await file(PLAIN, '2026-11-01,gpt-4o-mini,100,50,0.1', '2026-11-03,gpt-4o-mini,0,0,0');
    const { code, days } = await resultOf(...DAY, invoice);
    expect(code).toBe(2);
    expect(days.map(({ day, model, gaps }) => [day, model, gaps.map(({ share }) => share)])).toEqual([
      ['2026-11-01', 'gpt-4o-mini', [-1, -1, -1]],
      ['2026-11-02', 'gpt-4o', [null, null, null]],
      ['2026-11-03', 'gpt-4o-mini', []],
    ]);
  });

  it('compares only what the files tell, and adds tokens from one to costs from another', async () => {
    await used('2026-11-01T12:00:00Z', { tokens: tokens(100, 50), costNanoUsd: 45_000 });
    const usage = await file(
      'start_time_iso,model,input_tokens,output_tokens',
      '2026-11-01T00:00:00+00:00,gpt-4o-mini-2024-07-18,60,50',
      '2026-11-01T00:01:00+00:00,gpt-4o-mini-2024-07-18,40,0',
    );
    expect(await resultOf(...DAY, usage)).toMatchObject({
      code: 0,
      formats: ['OpenAI usage'],
      totals: { theirs: { input_tokens: 100, cost_usd: null } },
    });
    const costs = await file(
      'start_time_iso,amount_value,amount_currency,line_item',
      '2026-11-01T00:00:00,0.000015,usd,"gpt-4o-mini-2024-07-18, input"',
      '2026-11-01T00:00:00,0.00003,usd,"gpt-4o-mini-2024-07-18, output"',
    );
    expect(await resultOf(...DAY, usage, '--file', costs)).toMatchObject({
      code: 0,
      formats: ['OpenAI usage', 'OpenAI costs'],
      totals: { theirs: { input_tokens: 100, cost_usd: 0.000045 } },
    });
  });

  it("knows Anthropic's models by their shown names, and forgives what rounding to cents can hide", async () => {
    await fixture.addProvider({ name: 'claude-main', type: 'claude' });
    const claude = {
      provider: 'claude-main',
      providerType: 'claude',
      model: 'claude-haiku-4-5',
      servedModel: 'claude-haiku-4-5-20251001',
    } as const;
    await used('2026-11-01T12:00:00Z', { ...claude, costNanoUsd: 14_900_000 });
    await used('2026-11-02T12:00:00Z', { ...claude, costNanoUsd: 25_100_000 });
    const invoice = await file(
      'usage_date_utc,model,token_type,cost_usd',
      '2026-11-01,Claude Haiku 4.5,output,0.01',
      '2026-11-02,Claude Haiku 4.5,output,0.02',
    );
    const { code, days } = await resultOf('--provider', 'claude-main', '--json', '--file', invoice);
    expect([code, days.map(({ model, gaps }) => [model, gaps.length])]).toEqual([
      2,
      [
        ['claude-haiku-4-5', 0],
        ['claude-haiku-4-5', 1],
      ],
    ]);
  });

  it('adds the providers of one account, and leaves others out', async () => {
    await fixture.addProvider({ name: 'openai-eu' });
    for (const provider of ['openai-main', 'openai-eu', 'someone-else'])
      await used('2026-11-01T12:00:00Z', { provider, tokens: tokens(50, 1), costNanoUsd: 500 });
    const invoice = await file(PLAIN, '2026-11-01,gpt-4o-mini,100,2,0.000001');
    expect(await resultOf(...DAY, invoice, '--provider', 'openai-eu')).toMatchObject({ code: 0, gaps: 0 });
    expect(await resultOf(...DAY, invoice)).toMatchObject({ code: 2, gaps: 1 });
  });

  it('takes another tolerance and other days on request', async () => {
    await used('2026-11-01T12:00:00Z', { tokens: tokens(104, 50), costNanoUsd: 100 });
    const invoice = await file(PLAIN, '2026-11-01,gpt-4o-mini,100,50,0.0000001', '2026-11-02,gpt-4o-mini,100,50,1');
    expect(await resultOf(...DAY, invoice)).toMatchObject({ code: 2, gaps: 1 });
    const first = [...DAY, invoice, '--from', '2026-11-01', '--to', '2026-11-02'];
    expect(await resultOf(...first)).toMatchObject({ code: 0, from: '2026-11-01', to: '2026-11-02', gaps: 0 });
    expect(await resultOf(...first, '--tolerance', '3.9')).toMatchObject({ code: 2, gaps: 1 });
  });

  it('knows a deleted provider by its attempts', async () => {
    await used('2026-11-01T12:00:00Z', { provider: 'deleted', tokens: tokens(1, 1), costNanoUsd: 0 });
    const invoice = await file(PLAIN, '2026-11-01,gpt-4o-mini,1,1,0');
    expect(await resultOf('--provider', 'deleted', '--json', '--file', invoice)).toMatchObject({ code: 0 });
  });

  it.each<[string, (path: string) => string[], string]>([
    ['no provider', (path) => ['--file', path], '--provider is required'],
    ['no file', () => ['--provider', 'openai-main'], '--file is required'],
    ['a file that is not there', () => ['--provider', 'openai-main', '--file', '/no/such.csv'], 'cannot read /no/such.csv'],
    [
      'a misspelt provider',
      (path) => ['--provider', 'opnai', '--file', path],
      'no provider is called opnai, and none was then. There are: openai-main',
    ],
    ['half a day', (path) => [...DAY, path, '--from', '2026-11-01T12:00:00Z', '--to', '2026-11-02'], 'must be whole days'],
    // Nothing to compare would look like no gap.
    [
      'days of which the files have none',
      (path) => [...DAY, path, '--from', '2026-10-01', '--to', '2026-11-01'],
      'the files have no line from 2026-10-01 up to 2026-11-01: theirs are from 2026-11-01 to 2026-11-01',
    ],
    ['a tolerance of words', (path) => [...DAY, path, '--tolerance', 'some'], '--tolerance must be a percentage'],
  ])('is refused with %s', async (_, args, message) => {
    const invoice = await file(PLAIN, '2026-11-01,gpt-4o-mini,1,1,1');
    await expect(fixture.run(reconcile, args(invoice))).rejects.toThrow(message);
  });
});
