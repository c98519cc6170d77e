import { GatewayError, RETRY_AFTER_MS } from '@llm-gateway/shared';

/** A request that was turned away before it had a job: it is this process that writes its row, and nothing was executed for it. */
export class Refusal extends GatewayError {
  constructor(error: GatewayError) {
    super(error.code, error.message, { details: error.details, retryAfterMs: error.retryAfterMs, cause: error });
  }
}

/** Redis went away before the request was in it, for certain: it may be carried out in another way. */
export class NotQueued extends Refusal {}

/** @throws GatewayError unavailable in place of whatever Redis says. */
export async function redisOrUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw unavailable(error);
  }
}

/** For what comes before a request is queued. @throws GatewayError as it is; NotQueued in place of whatever Redis says. */
export async function redisOrNotQueued<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof GatewayError ? error : new NotQueued(unavailable(error));
  }
}

function unavailable(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  return new GatewayError('unavailable', 'the queue cannot be reached, try again', {
    retryAfterMs: RETRY_AFTER_MS,
    cause: error,
  });
}
