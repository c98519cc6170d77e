import { metrics } from '@llm-gateway/engine';
import type { RequestHandler } from 'express';
import { Counter, Histogram } from 'prom-client';

const GENERATE = '/api/v1/generate';

const requests = new Counter({
  name: 'llm_gateway_http_requests_total',
  help: 'Requests by the part of the API that they were for, and by status; `gone` where the caller hung up before the answer',
  labelNames: ['route', 'status'],
  registers: [metrics],
});
const seconds = new Histogram({
  name: 'llm_gateway_http_request_seconds',
  help: 'From the head of a request to the end of its answer',
  labelNames: ['route'],
  buckets: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 600],
  registers: [metrics],
});
const generations = new Counter({
  name: 'llm_gateway_generate_requests_total',
  help: 'Requests for an answer by status, by X-Cache (`none` where there is no answer yet, or none at all), and whether in direct mode',
  labelNames: ['status', 'cache', 'mode'],
  registers: [metrics],
});

/** Counts every request as it ends. @param paths the mounts: a path of none of them is `other`, for callers could make up any number. */
export function countRequests(paths: readonly string[]): RequestHandler {
  return (req, res, next) => {
    const startedAt = performance.now();
    const { path } = req;
    res.once('close', () => {
      const route = paths.find((mount) => path === mount || path.startsWith(`${mount}/`)) ?? 'other';
      const status = res.writableFinished ? String(res.statusCode) : 'gone';
      requests.inc({ route, status });
      seconds.observe({ route }, (performance.now() - startedAt) / 1_000);
      if (route !== GENERATE) return;
      const cache = res.get('X-Cache')?.toLowerCase() ?? 'none';
      generations.inc({ status, cache, mode: res.get('X-Gateway-Mode') === 'direct' ? 'direct' : 'queue' });
    });
    next();
  };
}
