import type { RequestHead } from '@llm-gateway/queue';
import type { Caller } from '../auth/caller.js';

/** Whose jobs a caller may see and end: an admin everybody's, a service's key its service's, any other key its own;
 * a token of one customer that customer's alone. */
export function mayTouch(
  { scopes, service, customerId, keyId }: Caller,
  head: Pick<RequestHead, 'service' | 'customerId' | 'keyId'>,
): boolean {
  if (scopes.has('admin')) return true;
  if (customerId !== null && head.customerId !== customerId) return false;
  return service === null ? head.keyId === keyId : head.service === service;
}
