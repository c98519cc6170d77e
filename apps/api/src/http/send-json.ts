import type { Response } from 'express';

/** As `res.json`, without looking at the request for conditions that a POST does not have: a quarter of what a cache hit cost. */
export function sendJson(res: Response, body: object): void {
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  // As text, so that head and body leave together; Node counts its bytes for the head.
  res.end(JSON.stringify(body));
}
