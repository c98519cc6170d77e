import type { RequestHead } from '@llm-gateway/queue';
import type { Caller } from '../auth/caller.js';

/** Whose jobs a caller may see and end: an admin everybody's, a service's key its service's, any other key its own. */
export function mayTouch({ scopes, service, keyId }: Caller, head: RequestHead): boolean {
  if (scopes.has('admin')) return true;
  return service === null ? head.keyId === keyId : head.service === service;
}
