import type { NextFunction, Request, RequestHandler, Response } from 'express';
import helmet from 'helmet';

/** For browsers and plugins that are no more, or of pages that load from elsewhere, which none of ours may. Each is paid for with every answer. */
const WITHOUT = {
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
} as const;

/**
 * On every answer, whoever gives it: Helmet's headers and what it leaves out, asked for once and then only set. There is no CORS header: no
 * page of another origin may read anything.
 */
export function securityHeaders(): RequestHandler {
  const headers = new Map<string, string>([
    ['X-Robots-Tag', 'noindex, nofollow'],
    ['Permissions-Policy', 'camera=(), geolocation=(), microphone=(), payment=()'],
  ]);
  const recorder = { setHeader: (name: string, value: string) => headers.set(name, value), removeHeader: () => undefined };
  const ask = helmet({
    // Pages that show something (docs, board) say for themselves what they need.
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    xFrameOptions: { action: 'deny' },
    ...WITHOUT,
  });
  ask({} as Parameters<typeof ask>[0], recorder as unknown as Parameters<typeof ask>[1], () => undefined);
  return (_req, res, next) => {
    res.setHeaders(headers);
    next();
  };
}

/** Answers about prompts, money and keys are nothing that a proxy or a browser should keep. */
export function neverStored(_req: Request, res: Response, next: NextFunction): void {
  res.setHeader('Cache-Control', 'no-store');
  next();
}
