import { unpricedModels, usageBy, usageLogs, usageLogWithAttempts, usageSummary, usageTimeseries } from '@llm-gateway/db';
import { GatewayError, wireName, withLessGarbage } from '@llm-gateway/shared';
import { Router, type Response } from 'express';
import { callerOf } from '../auth/caller.js';
import type { Deps } from '../deps.js';
import { parse } from '../http/parse.js';
import { sendChunks } from '../http/send-chunks.js';
import { ownLog, ownUsage } from './own-usage.js';
import { exportCsv, exportHeaders } from './export-csv.js';
import { byQuery, logsQuery, summaryQuery, timeseriesQuery, toFilter, unpricedQuery } from './query.js';
import { reportRoute } from './report/report-route.js';

export const DIMENSIONS = ['provider', 'service', 'customer', 'model'] as const;

/** The rows that a query asks for, of those that its caller may see. */
const filterOf = (res: Response, query: Parameters<typeof toFilter>[0]) => ownUsage(callerOf(res), toFilter(query));

const logId = wireName(100);

/** `/api/v1/usage`: what was asked, by whom, and what it has cost, straight from the tables. */
export function usageRouter({ db }: Pick<Deps, 'db'>): Router {
  const router = Router();

  router.get('/summary', async (req, res) => {
    res.json(await usageSummary(db, filterOf(res, parse(summaryQuery, req.query))));
  });

  for (const dimension of DIMENSIONS) {
    router.get(`/by-${dimension}`, async (req, res) => {
      const query = parse(byQuery, req.query);
      res.json({ data: await usageBy(db, dimension, filterOf(res, query), { sort: query.sort, limit: query.limit }) });
    });
  }

  router.get('/timeseries', async (req, res) => {
    const query = parse(timeseriesQuery, req.query);
    res.json({ data: await usageTimeseries(db, filterOf(res, query), query.bucket) });
  });

  router.get('/unpriced', async (req, res) => {
    const query = parse(unpricedQuery, req.query);
    res.json({ data: await unpricedModels(db, filterOf(res, query), query.limit) });
  });

  router.get('/report', reportRoute(db));

  router.get('/export.csv', async (req, res) => {
    const filter = filterOf(res, parse(summaryQuery, req.query));
    await sendChunks(res, exportHeaders(filter), withLessGarbage(exportCsv(db, filter)));
  });

  router.get('/logs', async (req, res) => {
    const query = parse(logsQuery, req.query);
    const page = await usageLogs(db, filterOf(res, query), query);
    res.json({ data: page.data, next_cursor: page.nextCursor });
  });

  router.get('/logs/:id', async (req, res) => {
    const id = logId.safeParse(req.params['id']);
    if (!id.success) throw new GatewayError('not_found', 'there is no such request');
    res.json(ownLog(callerOf(res), await usageLogWithAttempts(db, id.data)));
  });

  return router;
}
