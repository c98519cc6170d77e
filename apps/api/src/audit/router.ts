import { listAudit } from '@llm-gateway/db';
import { Router } from 'express';
import type { Deps } from '../deps.js';
import { parse } from '../http/parse.js';
import { auditQuery, toAuditFilter } from './query.js';

/** `/api/v1/audit`. To read only: entries are written with what they tell of, and never change. */
export function auditRouter({ db }: Pick<Deps, 'db'>): Router {
  const router = Router();
  router.get('/', async (req, res) => {
    const query = parse(auditQuery, req.query);
    const page = await listAudit(db, toAuditFilter(query), query);
    res.json({ data: page.data, next_cursor: page.nextCursor });
  });
  return router;
}
