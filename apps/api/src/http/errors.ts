/** The contract's error body, the only one that callers ever see. */
import { GatewayError, type Logger } from '@llm-gateway/shared';
import type { ErrorRequestHandler, Request, Response } from 'express';
import { requestIdOf } from './request-id.js';

export interface ErrorBody {
  error: { code: string; message: string; request_id: string; details: { path: string; message: string }[]; current?: object };
}

export function errorBody(error: GatewayError, requestId: string): ErrorBody {
  const { code, message, details, current } = error;
  return { error: { code, message, request_id: requestId, details, ...(current && { current }) } };
}

const NO_PATH = 'there is no such path, or not for this method: /docs lists what there is';

export function notFound(_req: Request, _res: Response): void {
  throw new GatewayError('not_found', NO_PATH);
}

/** How a refusal is shown to whoever asked. */
export type ShowError = (error: GatewayError, req: Request, res: Response) => void;

export const showBody: ShowError = (error, _req, res) => void res.json(errorBody(error, requestIdOf(res)));

/**
 * Answers with the contract's body, unless it is to be shown in another way. Faults of ours are logged, once and here; what callers did wrong
 * is only worth a debug line.
 */
export function errorHandler(logger: Logger, show = showBody): ErrorRequestHandler {
  // Express tells an error handler by its four parameters.
  return (thrown: unknown, req, res, _next) => {
    const error = toGatewayError(thrown);
    const requestId = requestIdOf(res);
    const fields = { requestId, method: req.method, path: req.path.slice(0, 200), code: error.code };
    if (error.code === 'internal') logger.error({ ...fields, err: thrown }, 'request failed unexpectedly');
    else if (error.status >= 500) logger.warn({ ...fields, reason: error.message }, 'request failed');
    else logger.debug({ ...fields, reason: error.message.slice(0, 500) }, 'request refused');
    respond(error, req, res, show);
  };
}

function respond(error: GatewayError, req: Request, res: Response, show: ShowError): void {
  if (res.headersSent || res.destroyed) {
    // Half an answer is out: only cutting the line tells the caller that it is not whole.
    res.destroy();
    return;
  }
  if (error.retryAfterMs !== undefined) res.set('Retry-After', String(Math.max(1, Math.ceil(error.retryAfterMs / 1_000))));
  show(error, req, res.status(error.status));
}

function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError && thrown.code !== 'internal') return thrown;
  // Express and its static files mark what the caller did wrong with a 4xx status (a path that is no UTF-8, for one).
  const status = (thrown as { status?: unknown } | null)?.status;
  if (status === 404) return new GatewayError('not_found', NO_PATH);
  if (typeof status === 'number' && status >= 400 && status < 500)
    return new GatewayError('invalid_request', 'the request is malformed');
  return new GatewayError('internal', 'something went wrong on our side');
}
