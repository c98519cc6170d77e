import type { RequestHandler } from 'express';
import helmet from 'helmet';

/** Helmet's headers, which are the same for every answer: asked for once, and then only set. */
export function securityHeaders(): RequestHandler {
  const headers = new Map<string, string>();
  const recorder = { setHeader: (name: string, value: string) => headers.set(name, value), removeHeader: () => undefined };
  const ask = helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
  });
  ask({} as Parameters<typeof ask>[0], recorder as unknown as Parameters<typeof ask>[1], () => undefined);
  return (_req, res, next) => {
    res.setHeaders(headers);
    next();
  };
}
