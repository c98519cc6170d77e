/** Requests and responses that are Express' own from the first moment. */
import { IncomingMessage, ServerResponse } from 'node:http';
import type { Express } from 'express';

/**
 * Express makes each request and response its own by another prototype, and V8 forgets what it has learned of an object whose prototype changes.
 * Those of these classes have the right one already.
 */
export function bornExpress(app: Express): { IncomingMessage: typeof IncomingMessage; ServerResponse: typeof ServerResponse } {
  class ExpressRequest extends IncomingMessage {}
  class ExpressResponse<R extends IncomingMessage = IncomingMessage> extends ServerResponse<R> {}
  app.request = Object.setPrototypeOf(ExpressRequest.prototype, app.request) as Express['request'];
  app.response = Object.setPrototypeOf(ExpressResponse.prototype, app.response) as Express['response'];
  return { IncomingMessage: ExpressRequest, ServerResponse: ExpressResponse };
}
