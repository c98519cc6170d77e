import { providerPricing, providerType, type ProviderConfig, type ProviderPricing, type ProviderType } from '@llm-gateway/shared';
import { encryptSecret, type EncryptionKeys } from '../encryption.js';
import { Prisma, type ProviderConfig as ProviderRow } from '../generated/client.js';

/** What an administrator says about a provider. The key is plain here and nowhere after. */
export interface ProviderInput {
  name: string;
  type: ProviderType;
  /** null: the server wants no key. */
  apiKey: string | null;
  baseUrl: string | null;
  defaultModel: string;
  models: string[];
  priority: number;
  enabled: boolean;
  rpmLimit: number | null;
  tpmLimit: number | null;
  maxConcurrency: number | null;
  timeoutMs: number | null;
  maxRetries: number;
  pricing: ProviderPricing | null;
}

/** A row in the shared vocabulary. @throws ZodError for a row that this version of the gateway cannot understand. */
export function toProvider(row: ProviderRow): ProviderConfig {
  return {
    ...row,
    type: providerType.parse(row.type),
    pricing: row.pricing === null ? null : providerPricing.parse(row.pricing),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

/** The columns that a change sets: those that it names. */
export function toColumns<T extends Partial<ProviderInput>>(keys: EncryptionKeys, id: string, input: T) {
  const { apiKey, pricing, ...plain } = input;
  return {
    ...plain,
    ...(apiKey === undefined ? {} : keyColumns(keys, id, apiKey)),
    ...(pricing === undefined ? {} : { pricing: pricing ?? Prisma.DbNull }),
  };
}

/** Enough to recognise a key by, and only where it leaves most of the key unknown. */
const HINT_LENGTH = 4;

function keyColumns(keys: EncryptionKeys, id: string, apiKey: string | null) {
  if (apiKey === null) return { apiKeyCiphertext: null, apiKeyHint: null };
  const apiKeyHint = apiKey.length >= 3 * HINT_LENGTH ? apiKey.slice(-HINT_LENGTH) : '****';
  return { apiKeyCiphertext: encryptSecret(keys, apiKey, id), apiKeyHint };
}
