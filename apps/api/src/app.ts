/** The API as one table of routes: what is not in it does not exist, and what is has said who may call it. */
import express, { type Application, type Express, type RequestHandler } from 'express';
import type { Scope } from '@llm-gateway/shared';
import { adminRouter } from './admin/router.js';
import { alertsRouter } from './alerts/router.js';
import { watchRefusals } from './audit/refusals.js';
import { auditRouter } from './audit/router.js';
import { authenticate, requireScope } from './auth/authenticate.js';
import { isKnown } from './auth/caller.js';
import { limitRate } from './auth/limit-rate.js';
import { budgetsRouter } from './budgets/router.js';
import type { Deps } from './deps.js';
import { docsRouter } from './docs/docs-router.js';
import { openApiRouter } from './docs/openapi-router.js';
import { healthRouter } from './health/router.js';
import { errorHandler, notFound } from './http/errors.js';
import { inTurn } from './http/in-turn.js';
import { readJson } from './http/read-json.js';
import { requestId } from './http/request-id.js';
import { neverStored, securityHeaders } from './http/security-headers.js';
import { keysRouter } from './keys/router.js';
import { countRequests } from './metrics/request-metrics.js';
import { metricsRouter } from './metrics/router.js';
import { overridesRouter } from './overrides/router.js';
import { providersRouter } from './providers/router.js';
import { routesRouter } from './routing/explain.js';
import { usageRouter } from './usage/router.js';

export interface Mount {
  path: string;
  /** The scope that a key needs; `public`: no key; `own`: the router asks for it itself. */
  access: Scope | 'public' | 'own';
  router: RequestHandler;
}

export function mounts(deps: Deps): Mount[] {
  const { generate, jobs, replay, bulkReplay } = deps.routers;
  return [
    // First, because Express looks at one after the other.
    { path: '/api/v1/generate', access: 'generate', router: generate },
    { path: '/health', access: 'public', router: healthRouter(deps) },
    ...(deps.metrics ? [{ path: '/metrics', access: 'own' as const, router: metricsRouter(deps.metrics) }] : []),
    { path: '/openapi.json', access: 'public', router: openApiRouter() },
    { path: '/docs', access: 'public', router: docsRouter() },
    { path: '/api/v1/jobs/replay', access: 'admin', router: bulkReplay },
    { path: '/api/v1/jobs/:id/replay', access: 'admin', router: replay },
    { path: '/api/v1/jobs', access: 'generate', router: jobs },
    { path: '/api/v1/providers', access: 'admin', router: providersRouter(deps) },
    { path: '/api/v1/overrides', access: 'admin', router: overridesRouter(deps) },
    { path: '/api/v1/budgets', access: 'admin', router: budgetsRouter(deps) },
    { path: '/api/v1/alerts', access: 'admin', router: alertsRouter(deps) },
    { path: '/api/v1/keys', access: 'admin', router: keysRouter(deps) },
    { path: '/api/v1/audit', access: 'admin', router: auditRouter(deps) },
    { path: '/api/v1/routes', access: 'admin', router: routesRouter(deps) },
    { path: '/api/v1/usage', access: 'read', router: usageRouter(deps) },
    { path: '/admin', access: 'own', router: adminRouter(deps) },
  ];
}

/** The whole API, ready to listen. */
export function createApp(deps: Deps): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag').set('trust proxy', false);
  const routes = mounts(deps);
  const count = countRequests(routes.map(({ path }) => path));
  app.use(inTurn(count, requestId, watchRefusals(deps.refusals, adminPaths(routes)), securityHeaders()));
  const guard = guardOf(deps);
  for (const mount of routes) attach(app, mount, { guard, maxBodyBytes: deps.env.MAX_BODY_BYTES });
  // Default deny: below /api nothing answers without a key, not even that there is no such path.
  app.use('/api', guard);
  app.use(notFound);
  app.use(errorHandler(deps.logger));
  return app;
}

const adminPaths = (routes: readonly Mount[]): string[] =>
  routes.filter(({ path, access }) => access === 'admin' || path === '/admin').map(({ path }) => path);

/** Once for each request, however many mounts it comes by. */
function guardOf({ keys, keyRate }: Deps): RequestHandler {
  const enter = inTurn(neverStored, authenticate(keys), limitRate(keyRate));
  return (req, res, next) => (isKnown(res) ? next() : enter(req, res, next));
}

interface Entrance {
  /** Finds out who asks. */
  guard: RequestHandler;
  maxBodyBytes: number;
}

function attach(app: Application, { path, access, router }: Mount, { guard, maxBodyBytes }: Entrance): void {
  if (access === 'public' || access === 'own') app.use(path, router);
  // A body is read only once it is known that its sender may send it.
  else app.use(path, inTurn(guard, requireScope(access), readJson(maxBodyBytes), router));
}
