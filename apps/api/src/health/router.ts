import { Router } from 'express';
import type { Deps } from '../deps.js';
import { checkReadiness } from './readiness.js';

/** `/health`: the process can answer. `/health/ready`: requests can be served. */
export function healthRouter(deps: Pick<Deps, 'db' | 'config' | 'lanes' | 'env'>): Router {
  const router = Router();
  router.get('/', (_req, res) => {
    res.json({ status: 'ok' });
  });
  router.get('/ready', async (_req, res) => {
    const ready = await checkReadiness(deps);
    res.status(ready.status === 'down' ? 503 : 200).json(ready);
  });
  return router;
}
