import { GatewayError } from '@llm-gateway/shared';
import type { RequestHandler } from 'express';
import { callerOf } from './caller.js';
import type { KeyRate } from './key-rate.js';

/** Holds a key to its requests a minute, and says in `X-RateLimit-*` how many are left. Keys without a limit pass at once. */
export function limitRate(rate: Pick<KeyRate, 'take'>): RequestHandler {
  return async (_req, res, next) => {
    const { keyId, rpmLimit } = callerOf(res);
    if (rpmLimit === null) {
      next();
      return;
    }
    const { taken, remaining, resetsInMs } = await rate.take(keyId, rpmLimit);
    res.set({
      'X-RateLimit-Limit': String(rpmLimit),
      'X-RateLimit-Remaining': String(remaining),
      'X-RateLimit-Reset': `${Math.max(1, Math.ceil(resetsInMs / 1_000))}s`,
    });
    if (!taken)
      throw new GatewayError('rate_limited', `this key may make ${rpmLimit} requests a minute`, { retryAfterMs: resetsInMs });
    next();
  };
}
