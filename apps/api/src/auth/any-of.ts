import { keyIdOf } from '@llm-gateway/db';
import type { KeyStore } from './caller.js';

/**
 * The stores one after the other. The environment's keys come first: they are in memory whatever is down, so there is always a way in. Only what
 * looks like a stored key is looked for among those.
 */
export const anyOf = (environment: KeyStore, stored: KeyStore): KeyStore => ({
  async find(key) {
    const caller = await environment.find(key);
    return caller ?? (keyIdOf(key) === null ? null : stored.find(key));
  },
});
