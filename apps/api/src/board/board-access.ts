import { GatewayError } from '@llm-gateway/shared';
import type { Request, RequestHandler } from 'express';
import type { KeyStore } from '../auth/caller.js';

/** Lets an admin key in: as X-Service-Key, or as the password of HTTP Basic, because a browser cannot send headers of ours. */
export function boardAccess(keys: KeyStore): RequestHandler {
  return async (req, res, next) => {
    const key = req.get('x-service-key') ?? basicPassword(req);
    const caller = key === null ? null : await keys.find(key);
    if (!caller) {
      res.set('WWW-Authenticate', 'Basic realm="LLM Gateway", charset="UTF-8"');
      throw new GatewayError('unauthorized', 'an admin key is required, as the password of any user or as X-Service-Key');
    }
    if (!caller.scopes.has('admin')) throw new GatewayError('forbidden', 'this key does not have the scope admin');
    res.locals['caller'] = caller;
    next();
  };
}

function basicPassword(req: Request): string | null {
  const [, encoded] = /^Basic +([\w+/=-]{1,2048})$/i.exec(req.get('authorization') ?? '') ?? [];
  if (encoded === undefined) return null;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? null : text.slice(colon + 1);
}
