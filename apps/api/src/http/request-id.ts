import { newRequestId } from '@llm-gateway/shared';
import type { NextFunction, Request, Response } from 'express';

const SANE = /^[\w.-]{1,128}$/;

/** Gives every response an `X-Request-Id`: the caller's own where it is sane, else a new one. */
export function requestId(req: Request, res: Response, next: NextFunction): void {
  const given = req.get('x-request-id');
  const id = given !== undefined && SANE.test(given) ? given : newRequestId();
  res.locals['requestId'] = id;
  res.set('X-Request-Id', id);
  next();
}

export const requestIdOf = (res: Response): string => res.locals['requestId'] as string;
