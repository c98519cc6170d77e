import { newRequestId } from '@llm-gateway/shared';
import type { NextFunction, Request, Response } from 'express';

const SANE = /^[\w.-]{1,128}$/;

/** Gives every response an `X-Request-Id`: the caller's own where it is sane, else a new one, which is then the request's own id as well. */
export function requestId(req: Request, res: Response, next: NextFunction): void {
  const given = req.get('x-request-id');
  const named = given !== undefined && SANE.test(given);
  const id = named ? given : newRequestId();
  res.locals['requestId'] = id;
  if (!named) res.locals['ownId'] = id;
  res.setHeader('X-Request-Id', id);
  next();
}

/** @returns the id of what this request begins: ours, whatever its caller calls it. */
export const ownIdOf = (res: Response): string => (res.locals['ownId'] as string | undefined) ?? newRequestId();

export const requestIdOf = (res: Response): string => res.locals['requestId'] as string;
