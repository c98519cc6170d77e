import { METRICS_CONTENT_TYPE } from '@llm-gateway/engine';
import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { readiness } from '../health/readiness.js';
import { pageOf } from '../http/paging.js';
import { byAnswer, logDetail, logRow, summaryAnswer, timeseriesAnswer, unpricedAnswer } from '../usage/answers.js';
import { byQuery, logsQuery, summaryQuery, timeseriesQuery, unpricedQuery } from '../usage/query.js';
import { monthReport, weekReport } from '../usage/report/report.js';
import { reportQuery } from '../usage/report/report-query.js';
import { DIMENSIONS } from '../usage/router.js';
import { operation } from './operation.js';

const usage = { tag: 'Usage', scope: 'read' } as const;
const open = { tag: 'Health', scope: null } as const;
const row = logRow.meta({ id: 'UsageLog' });

const byPaths = Object.fromEntries(
  DIMENSIONS.map((dimension) => [
    `/api/v1/usage/by-${dimension}`,
    {
      get: operation({
        ...usage,
        summary: `Figures by ${dimension}`,
        query: byQuery,
        ok: { status: 200, description: 'Most first.', schema: byAnswer },
      }),
    },
  ]),
);

export const usagePaths: ZodOpenApiPathsObject = {
  '/api/v1/usage/summary': {
    get: operation({
      ...usage,
      summary: 'Figures over all requests',
      query: summaryQuery,
      ok: { status: 200, description: 'The figures.', schema: summaryAnswer },
    }),
  },
  ...byPaths,
  '/api/v1/usage/timeseries': {
    get: operation({
      ...usage,
      summary: 'Figures minute by minute, hour by hour or day by day',
      description:
        'Without gaps. Days are those of UTC; the first and the last bucket hold only what lies between `from` and `to`.',
      query: timeseriesQuery,
      ok: { status: 200, description: 'Oldest first.', schema: timeseriesAnswer },
    }),
  },
  '/api/v1/usage/report': {
    get: operation({
      ...usage,
      summary: 'The weekly status, or the finance report of a month',
      description: 'As JSON, CSV or Markdown, by `format` or `Accept`.',
      query: reportQuery,
      ok: {
        status: 200,
        description: 'The report.',
        schema: z.discriminatedUnion('period', [weekReport, monthReport]),
        text: ['text/csv', 'text/markdown'],
      },
    }),
  },
  '/api/v1/usage/export.csv': {
    get: operation({
      ...usage,
      summary: 'All requests as a file',
      description:
        'RFC 4180 with a header row, oldest first, streamed. Text that a spreadsheet would take for a formula has an apostrophe before it.',
      query: summaryQuery,
      ok: { status: 200, description: 'The file.', text: ['text/csv'] },
    }),
  },
  '/api/v1/usage/unpriced': {
    get: operation({
      ...usage,
      summary: 'Models without a price',
      description: 'Their calls are in no cost. A `provider` is here the one that was called.',
      query: unpricedQuery,
      ok: { status: 200, description: 'Most requests first.', schema: unpricedAnswer },
    }),
  },
  '/api/v1/usage/logs': {
    get: operation({
      ...usage,
      summary: 'Requests, newest first',
      query: logsQuery,
      ok: { status: 200, description: 'A page of requests.', schema: pageOf(row) },
    }),
  },
  '/api/v1/usage/logs/{id}': {
    get: operation({
      ...usage,
      summary: 'One request with its attempts',
      path: z.object({ id: z.string() }),
      ok: { status: 200, description: 'The request.', schema: logDetail },
      errors: ['not_found'],
    }),
  },
  '/health': {
    get: operation({
      ...open,
      summary: 'The process can answer',
      ok: { status: 200, description: 'It can.', schema: z.object({ status: z.literal('ok') }) },
    }),
  },
  '/health/ready': {
    get: operation({
      ...open,
      summary: 'Requests can be served',
      ok: { status: 200, description: 'They can, if `degraded` with something missing.', schema: readiness },
      also: { '503': { description: 'None can.', content: { 'application/json': { schema: readiness } } } },
    }),
  },
  '/metrics': {
    get: operation({
      tag: 'Health',
      scope: null,
      own: 'metricsToken',
      summary: 'Counters and gauges for Prometheus',
      description:
        'What this process has counted, and what stands in Redis for all. Beside the API only with `METRICS_TOKEN`, which is no key; with ' +
        '`METRICS_PORT` on a listener of its own as well.',
      ok: { status: 200, description: 'The text format of Prometheus.', text: [METRICS_CONTENT_TYPE] },
      errors: ['unauthorized', 'not_found'],
    }),
  },
};
