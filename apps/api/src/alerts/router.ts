import { listAlerts } from '@llm-gateway/db';
import { Router } from 'express';
import { z } from 'zod';
import type { Deps } from '../deps.js';
import { pageQuery } from '../http/paging.js';
import { parse } from '../http/parse.js';

export const alertListQuery = z.strictObject(pageQuery);

/** `/api/v1/alerts`. */
export function alertsRouter({ db }: Pick<Deps, 'db'>): Router {
  const router = Router();
  router.get('/', async (req, res) => {
    const page = await listAlerts(db, parse(alertListQuery, req.query));
    res.json({ data: page.data, next_cursor: page.nextCursor });
  });
  return router;
}
