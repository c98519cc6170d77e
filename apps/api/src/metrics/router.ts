import { isMetricsToken, METRICS_CONTENT_TYPE } from '@llm-gateway/engine';
import { GatewayError } from '@llm-gateway/shared';
import { Router } from 'express';

export interface MetricsAccess {
  /** Whoever shows it may read. */
  token: string;
  render: () => Promise<string>;
}

/** `/metrics` beside the API, behind a token of its own: a scraper needs no key that could do more. */
export function metricsRouter({ token, render }: MetricsAccess): Router {
  const router = Router();
  router.get('/', async (req, res) => {
    if (!isMetricsToken(token, req.get('authorization'))) {
      res.set('WWW-Authenticate', 'Bearer');
      throw new GatewayError('unauthorized', 'METRICS_TOKEN is required, as Authorization: Bearer');
    }
    res.set('Content-Type', METRICS_CONTENT_TYPE).send(await render());
  });
  return router;
}
