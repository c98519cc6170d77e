/** A new key for a provider: tried before it takes over, with the old one behind it for a while. */
import { timingSafeEqual } from 'node:crypto';
import { decryptSecret, rotateProviderKey, type ActingDb, type EncryptionKeys } from '@llm-gateway/db';
import { createProvider } from '@llm-gateway/providers';
import { GatewayError, type ProviderConfig } from '@llm-gateway/shared';
import { z } from 'zod';
import type { Deps } from '../deps.js';
import { invalid } from '../http/parse.js';
import { tryCall } from './test-call.js';
import { secret } from './wire.js';

const DAY_SECONDS = 86_400;

export const rotateKeyBody = z.strictObject({
  api_key: secret.meta({ writeOnly: true, description: 'Tried with a real call of one token before it takes over.' }),
  grace_seconds: z
    .int()
    .min(0)
    .max(30 * DAY_SECONDS)
    .default(DAY_SECONDS)
    .describe(
      'For so long, calls whose new key the vendor refuses are made again with the old one. 0: the old key is gone at once.',
    ),
});

/**
 * Sent twice it is done once: the key that is there already stays, and so does what is behind it.
 * @throws GatewayError `invalid_request` when the vendor refuses the key, `provider_error` when it cannot be tried, both in the vendor's words
 * without secrets; `precondition_failed` when the provider has been changed during the trial.
 */
export async function rotateKey(
  { encryptionKeys, egress }: Pick<Deps, 'encryptionKeys' | 'egress'>,
  db: ActingDb,
  row: ProviderConfig,
  body: z.output<typeof rotateKeyBody>,
): Promise<ProviderConfig> {
  const { api_key: apiKey, grace_seconds: graceSeconds } = body;
  if (isStoredKey(encryptionKeys, row, apiKey)) return row;
  const { type, baseUrl, defaultModel } = row;
  const trial = await tryCall(() => createProvider({ type, apiKey, baseUrl, egressAllow: egress }), defaultModel);
  if (!trial.ok) {
    const said = `${trial.fault}: ${trial.message}`;
    if (trial.fault === 'auth')
      throw invalid([{ path: 'api_key', message: `the vendor refuses it, the old key stays: ${said}` }]);
    throw new GatewayError('provider_error', `the new key could not be tried, the old key stays: ${said}`);
  }
  return rotateProviderKey(db, encryptionKeys, row.id, { apiKey, graceMs: graceSeconds * 1_000, ifVersion: row.version });
}

function isStoredKey(keys: EncryptionKeys, { id, apiKeyCiphertext }: ProviderConfig, apiKey: string): boolean {
  if (apiKeyCiphertext === null) return false;
  try {
    const [stored, given] = [decryptSecret(keys, apiKeyCiphertext, id), apiKey].map((text) => Buffer.from(text)) as [
      Buffer,
      Buffer,
    ];
    return stored.length === given.length && timingSafeEqual(stored, given);
  } catch {
    // A key that cannot be read is one more reason for a new one.
    return false;
  }
}
