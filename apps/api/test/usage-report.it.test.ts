import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { insertUsage } from '@llm-gateway/db';
import { newAttemptId, newRequestId, NO_TOKENS, usdToNano, type UsageEvent, type UsageLog } from '@llm-gateway/shared';
import { reportTable } from '../src/usage/report/report-table.js';
import { monthReport, weekReport, type Report } from '../src/usage/report/report.js';
import { SERVICE_KEY, startTestApi, type TestApi } from './support/test-api.js';

let api: TestApi;
const OCTOBER = Date.parse('2026-10-10T00:00:00Z');

/** A request that `failing` could not answer, at 0.01 USD, and `good` did, for the rest of the cost. */
function event(customerId: string | null, usd: number, changes: Partial<UsageLog> = {}): UsageEvent {
  const { createdAt = OCTOBER } = changes;
  const id = newRequestId(createdAt);
  const base = { createdAt, providerType: 'openai', model: 'm', tokens: NO_TOKENS, unpricedReason: null } as const;
  const log: UsageLog = {
    ...{ ...base, id, service: 'mail', customerId, keyId: null, provider: 'good', status: 'ok', errorCode: null },
    ...{ cacheStatus: 'MISS', finishReason: 'stop', costNanoUsd: usdToNano(usd), savedNanoUsd: 0, latencyMs: 1, queueMs: 0 },
    ...{ attemptCount: 2, clientGone: false, metadata: {}, relatedTo: null },
    ...changes,
  };
  const call = (number: number, provider: string, status: 'ok' | 'error', cost: number) => ({
    ...{ ...base, id: newAttemptId(createdAt), requestId: id, number, provider, status, servedModel: null },
    ...{ error: status === 'ok' ? null : 'overloaded', errorMessage: null, httpStatus: null, vendorRequestId: null },
    ...{ estimated: false, costNanoUsd: usdToNano(cost), priceVersion: 't', latencyMs: 1, limiterMs: 0, worker: 'w' },
  });
  const attempts = [call(1, 'failing', 'error', 0.01), call(2, 'good', 'ok', usd - 0.01)];
  return { v: 1, log, attempts: log.attemptCount > 0 ? attempts : [] };
}

const HIT = { cacheStatus: 'HIT', attemptCount: 0, costNanoUsd: 0, savedNanoUsd: usdToNano(0.5) } as const;

beforeAll(async () => {
  api = await startTestApi();
  await insertUsage(api.deps.db, [
    ...['a', 'b', 'c', 'd', 'e', '=f|x'].map((customer, index) => event(customer, index + 1)),
    event(null, 100),
    event('a', 0, { ...HIT, service: 'chat' }),
    event('late', 7, { createdAt: Date.parse('2026-11-01T00:00:00Z') }),
  ]);
});
afterAll(() => api.end());

const report = (query: string, accept = '*/*') =>
  api.call('GET', `/api/v1/usage/report?${query}`, { key: SERVICE_KEY, headers: { accept } });
const WEEK = 'period=week&to=2026-10-12T00:00:00Z';
const MONTH = 'period=month&to=2026-11-01T00:00:00Z';

describe('the weekly status', () => {
  it('has the figures of the seven days before its end', async () => {
    const week = weekReport.strict().parse((await report(WEEK)).body);
    expect(week).toMatchObject({ from: '2026-10-05T00:00:00.000Z', requests: 8, cost_usd: 121, cache_hit_rate: 0.125 });
    expect(week).toMatchObject({ saved_usd: 0.5, wasted_usd: 0.07, unpriced_requests: 0 });
    expect(week.providers).toEqual([
      { provider: 'failing', calls: 7, errors: 7, error_rate: 1 },
      { provider: 'good', calls: 7, errors: 0, error_rate: 0 },
    ]);
    expect(week.top_customers.map(({ customer_id, cost_usd }) => [customer_id, cost_usd])).toEqual([
      ['=f|x', 6],
      ['e', 5],
      ['d', 4],
      ['c', 3],
      ['b', 2],
    ]);
  });

  it('comes as CSV and as Markdown, in which no name is a formula or breaks a table', async () => {
    const csv = await report(`${WEEK}&format=csv`, 'application/json');
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(csv.text).toContain('total,,cost_usd,121.000000000\r\n');
    expect(csv.text).toContain("customer,'=f|x,cost_usd,6.000000000\r\n");
    const markdown = await report(WEEK, 'text/markdown');
    expect(markdown.headers.get('content-type')).toBe('text/markdown; charset=utf-8');
    expect(markdown.text).toContain('| failing | 7 | 7 | 100.00 % |\n');
    expect(markdown.text).toContain('| =f\\|x | 1 | 6.000000000 |\n');
  });
});

describe('the finance report', () => {
  it('has a line for each service and customer of the calendar month, which come to its total', async () => {
    const month = monthReport.strict().parse((await report(MONTH)).body);
    expect(month).toMatchObject({ from: '2026-10-01T00:00:00.000Z', requests: 8, cost_usd: 121, truncated: false });
    expect(month.lines.map(({ service, customer_id, cost_usd }) => [service, customer_id, cost_usd]).slice(0, 2)).toEqual([
      ['mail', null, 100],
      ['mail', '=f|x', 6],
    ]);
    expect(month.lines.at(-1)).toMatchObject({ service: 'chat', customer_id: 'a', cost_usd: 0, saved_usd: 0.5 });
    expect(month.lines.reduce((sum, line) => sum + line.cost_usd, 0)).toBe(121);
    expect((await report(MONTH, 'text/csv')).text).toContain('mail,,1,100.000000000,0.000000000,0,0.010000000\r\n');
  });

  it('comes to its total while requests come in: all of it is of one moment', async () => {
    let isOver = false;
    const write = async () => {
      while (!isOver) await insertUsage(api.deps.db, [event('busy', 1, { service: 'busy' })]);
    };
    const writers = [write(), write()];
    const reports: Report[] = [];
    for (let round = 0; round < 40; round++) {
      reports.push(monthReport.parse((await report(`${MONTH}&service=busy`)).body));
      reports.push(weekReport.parse((await report(`${WEEK}&service=busy`)).body));
    }
    isOver = true;
    await Promise.all(writers);
    const parts = reports.map((one) => (one.period === 'month' ? one.lines : one.top_customers));
    expect(parts.map((lines) => lines.reduce((sum, line) => sum + line.requests, 0))).toEqual(
      reports.map(({ requests }) => requests),
    );
  });

  it('comes to its total as a sheet too, when it has more lines than are shown', () => {
    const line = {
      service: 'a',
      customer_id: 'x',
      requests: 2,
      cost_usd: 0.1,
      saved_usd: 0.3,
      wasted_usd: 0,
      unpriced_requests: 1,
    };
    const totals = { requests: 5, cost_usd: 0.3, saved_usd: 0.3, wasted_usd: 0.2, unpriced_requests: 1 };
    const month = { period: 'month' as const, from: '', to: '', ...totals, lines: [line], truncated: true };
    expect(reportTable(month).rows).toEqual([
      ['a', 'x', 2, '0.100000000', '0.300000000', 1, '0.000000000'],
      ['(all others)', null, 3, '0.200000000', '0.000000000', 0, '0.200000000'],
    ]);
  });

  it('wants a period, and a format that it knows', async () => {
    expect((await report('')).body.error.details).toEqual([{ path: 'period', message: 'is required' }]);
    expect((await report(`${MONTH}&format=pdf`)).body.error.details).toMatchObject([{ path: 'format' }]);
  });
});
