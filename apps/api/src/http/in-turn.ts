import type { RequestHandler } from 'express';

/** Handlers one after the other as one of Express' layers: its own walk from one layer to the next costs more than most of them do. */
export function inTurn(...handlers: readonly RequestHandler[]): RequestHandler {
  return (req, res, next) => {
    let at = 0;
    const step = (error?: unknown): void => {
      const handler = handlers[at++];
      if (error !== undefined || !handler) {
        next(error);
        return;
      }
      const pending: unknown = handler(req, res, step);
      // Where a later one throws, it does so within an earlier one that called it.
      if (pending instanceof Promise) pending.catch(next);
    };
    step();
  };
}
