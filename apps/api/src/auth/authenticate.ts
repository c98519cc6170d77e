import { GatewayError, type Scope } from '@llm-gateway/shared';
import type { Request, RequestHandler } from 'express';
import { callerOf, type KeyStore } from './caller.js';

/** Longer than any key or token; checking more is work for nothing. */
const MAX_KEY = 8_192;

/** Finds out who asks. One text for every refusal: it tells nothing about which keys there are. */
export function authenticate(keys: KeyStore): RequestHandler {
  return async (req, res, next) => {
    const key = presentedKey(req);
    const caller = key !== null && key.length <= MAX_KEY ? await keys.find(key) : null;
    if (!caller) {
      res.set('WWW-Authenticate', 'Bearer');
      throw new GatewayError('unauthorized', 'a valid key is required, as X-Service-Key or as Authorization: Bearer');
    }
    res.locals['caller'] = caller;
    next();
  };
}

export function requireScope(scope: Scope): RequestHandler {
  return (_req, res, next) => {
    if (!callerOf(res).scopes.has(scope)) throw new GatewayError('forbidden', `this key does not have the scope ${scope}`);
    next();
  };
}

function presentedKey(req: Request): string | null {
  const header = req.get('x-service-key');
  // A proxy with an unset variable sends it empty; that is no key.
  if (header) return header;
  const [, token] = /^Bearer +(\S+)$/i.exec(req.get('authorization') ?? '') ?? [];
  return token ?? null;
}
