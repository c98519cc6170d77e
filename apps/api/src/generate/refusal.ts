import { GatewayError } from '@llm-gateway/shared';

/** A request that was turned away before it had a job: it is this process that writes its row, and nothing was executed for it. */
export class Refusal extends GatewayError {
  constructor(error: GatewayError) {
    super(error.code, error.message, { details: error.details, retryAfterMs: error.retryAfterMs, cause: error });
  }
}

/** @throws GatewayError unavailable in place of whatever Redis says. */
export async function redisOrUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    throw new GatewayError('unavailable', 'the queue cannot be reached, try again', { retryAfterMs: 1_000, cause: error });
  }
}
