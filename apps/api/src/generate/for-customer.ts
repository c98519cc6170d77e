import { GatewayError, type GenerateRequest } from '@llm-gateway/shared';
import type { Caller } from '../auth/caller.js';

/** @returns the request with the customer that its caller is bound to, so that all that follows knows of no other. @throws GatewayError forbidden. */
export function forCustomer({ customerId }: Pick<Caller, 'customerId'>, request: GenerateRequest): GenerateRequest {
  if (customerId === null) return request;
  if (request.customer_id !== undefined && request.customer_id !== customerId)
    throw new GatewayError('forbidden', `this token belongs to the customer ${customerId}`);
  return { ...request, customer_id: customerId };
}
