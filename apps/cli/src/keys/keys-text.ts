import type { EncryptionKeys, SecretsOfKey } from '@llm-gateway/db';
import { count } from '../table.js';

/** Which encryption keys are needed. Ids only: a key itself is never shown. */
export interface KeysView {
  /** The first key, which everything is to be under. */
  current: string;
  /** Stored secrets by the key that they need. */
  secrets: { encryption_key: string; secrets: number; configured: boolean }[];
  to_rewrite: number;
  /** Configured keys that nothing needs any more. */
  removable: string[];
  /** Keys that something needs and nobody has configured. */
  missing: string[];
}

export function keysView({ current, byId }: EncryptionKeys, use: readonly SecretsOfKey[]): KeysView {
  const needed = new Set(use.map(({ keyId }) => keyId));
  return {
    current,
    secrets: use.map(({ keyId, secrets }) => ({ encryption_key: keyId, secrets, configured: byId.has(keyId) })),
    to_rewrite: use.filter(({ keyId }) => keyId !== current).reduce((sum, { secrets }) => sum + secrets, 0),
    removable: [...byId.keys()].filter((id) => id !== current && !needed.has(id)),
    missing: [...needed].filter((id) => !byId.has(id)),
  };
}

export function keysText({ current, secrets, removable, missing }: KeysView): string {
  const lines = secrets.map(
    ({ encryption_key, secrets: many }) =>
      `${count(many)} under "${encryption_key}"${encryption_key === current ? ', the first key' : ''}`,
  );
  return [
    'Stored secrets:',
    ...(lines.length > 0 ? lines : ['none']).map((line) => `  ${line}`),
    ...removable.map((id) => `Nothing needs the key "${id}" any more: it can be taken out of ENCRYPTION_KEYS.`),
    ...missing.map((id) => `The key "${id}" is needed, and is not among ENCRYPTION_KEYS.`),
  ].join('\n');
}
