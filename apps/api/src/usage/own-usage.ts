import type { UsageFilter, UsageLogView } from '@llm-gateway/db';
import { GatewayError } from '@llm-gateway/shared';
import type { Caller } from '../auth/caller.js';

/** Narrows a filter to what a caller may see: a key of one service reads its own usage only. @throws GatewayError forbidden. */
export function ownUsage({ service, customerId }: Pick<Caller, 'service' | 'customerId'>, filter: UsageFilter): UsageFilter {
  if (service !== null && filter.service !== undefined && filter.service !== service)
    throw new GatewayError('forbidden', `this key belongs to the service ${service}`);
  if (customerId !== null && filter.customerId !== undefined && filter.customerId !== customerId)
    throw new GatewayError('forbidden', `this token belongs to the customer ${customerId}`);
  return { ...filter, ...(service !== null && { service }), ...(customerId !== null && { customerId }) };
}

/** @throws GatewayError not_found also for a request of another service or customer: its id is nobody else's business. */
export function ownLog<T extends UsageLogView>({ service, customerId }: Pick<Caller, 'service' | 'customerId'>, log: T): T {
  const isOwn = (service === null || log.service === service) && (customerId === null || log.customer_id === customerId);
  if (!isOwn) throw new GatewayError('not_found', 'there is no such request');
  return log;
}
