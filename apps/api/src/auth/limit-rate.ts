import { GatewayError } from '@llm-gateway/shared';
import type { RequestHandler, Response } from 'express';
import { callerOf } from './caller.js';
import type { KeyRate } from './key-rate.js';

/** Holds a key to its requests a minute. Keys without a limit pass at once, without a promise. */
export function limitRate(rate: Pick<KeyRate, 'take'>): RequestHandler {
  return (_req, res, next) => {
    const { keyId, rpmLimit } = callerOf(res);
    return rpmLimit === null ? next() : takeOne(rate, res, { keyId, rpmLimit }).then(() => next());
  };
}

/** Says in `X-RateLimit-*` how many are left. @throws GatewayError rate_limited. */
async function takeOne(
  rate: Pick<KeyRate, 'take'>,
  res: Response,
  { keyId, rpmLimit }: { keyId: string; rpmLimit: number },
): Promise<void> {
  const { taken, remaining, resetsInMs } = await rate.take(keyId, rpmLimit);
  res.set({
    'X-RateLimit-Limit': String(rpmLimit),
    'X-RateLimit-Remaining': String(remaining),
    'X-RateLimit-Reset': `${Math.max(1, Math.ceil(resetsInMs / 1_000))}s`,
  });
  if (!taken)
    throw new GatewayError('rate_limited', `this key may make ${rpmLimit} requests a minute`, { retryAfterMs: resetsInMs });
}
