import { wireName } from '@llm-gateway/shared';
import { Router } from 'express';
import { z } from 'zod';
import type { Deps } from '../deps.js';
import { parse } from '../http/parse.js';
import { resolveRoute } from './resolve.js';

export const explainQuery = z.strictObject({
  service: wireName(64).optional(),
  customer_id: wireName(128).optional(),
  provider: wireName(40).optional(),
  model: wireName(200).optional(),
  fallback: z
    .stringbool()
    .prefault('true')
    .meta({ override: { type: 'boolean', default: true } }),
});

export const explainAnswer = z.object({
  rule: z.enum(['pin', 'customer+service', 'customer', 'service', 'priority']),
  candidates: z.array(z.object({ provider: z.string(), type: z.string(), model: z.string() })),
  providers: z.array(z.object({ provider: z.string(), included: z.boolean(), reason: z.string(), position: z.int().nullable() })),
  notes: z.array(z.string()),
  error: z
    .object({ code: z.string(), message: z.string() })
    .nullable()
    .describe('What a request would get instead of an answer.'),
});

/** `GET /api/v1/routes/explain`: the route that a request would take, and why. */
export function routesRouter({ config }: Pick<Deps, 'config'>): Router {
  const router = Router();
  router.get('/explain', (req, res) => {
    const { customer_id: customerId, ...query } = parse(explainQuery, req.query);
    const { rule, candidates, verdicts, notes, refusal } = resolveRoute(config.current(), { customerId, ...query });
    const error = refusal && { code: refusal.code, message: refusal.message };
    res.json({ rule, candidates, providers: verdicts, notes, error } satisfies z.output<typeof explainAnswer>);
  });
  return router;
}
