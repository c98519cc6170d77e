import { keyIdOf } from '@llm-gateway/db';
import type { KeyStore } from './caller.js';

interface Stores {
  environment: KeyStore;
  stored: KeyStore;
  /** null: no tokens are taken. */
  tokens: KeyStore | null;
}

/**
 * The stores one after the other. The environment's keys come first: they are in memory whatever is down, so there is always a way in. Only what
 * looks like a stored key is looked for among those.
 */
export const anyOf = ({ environment, stored, tokens }: Stores): KeyStore => ({
  async find(key) {
    const caller = await environment.find(key);
    if (caller) return caller;
    if (keyIdOf(key) !== null) return stored.find(key);
    return tokens ? tokens.find(key) : null;
  },
});
