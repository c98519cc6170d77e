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
  /** Unless told, a provider that is given a key, a URL or a type is a real one. */
  standIn?: boolean;
}

/** Does this build understand the row? During a rolling update one may stand there that only the next build does. */
export const isReadable = (row: ProviderRow): boolean =>
  providerType.safeParse(row.type).success && providerPricing.nullable().safeParse(row.pricing).success;

/** A row in the shared vocabulary. @throws ZodError for one that is not {@link isReadable}. */
export function toProvider(row: ProviderRow): ProviderConfig {
  return {
    ...row,
    type: providerType.parse(row.type),
    pricing: providerPricing.nullable().parse(row.pricing),
    previousKeyUntil: row.previousKeyUntil?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

/** The columns that a change sets: those that it names. */
export function toColumns<T extends Partial<ProviderInput>>(keys: EncryptionKeys, id: string, input: T) {
  const { apiKey, pricing, ...plain } = input;
  const becomesReal = [apiKey, input.baseUrl, input.type].some((each) => each !== undefined);
  return {
    ...(becomesReal ? { standIn: false } : {}),
    ...plain,
    ...(apiKey === undefined ? {} : { ...keyColumns(keys, id, apiKey), ...NO_PREVIOUS_KEY }),
    ...(pricing === undefined ? {} : { pricing: pricing ?? Prisma.DbNull }),
  };
}

/** A key that is simply replaced is not wanted any more: who changes the host enters a key, and the old one must not follow to it. */
export const NO_PREVIOUS_KEY = { previousKeyCiphertext: null, previousKeyUntil: null };

/** Enough to recognise a key by; no vendor's keys are so short that this gives one away. */
const HINT_LENGTH = 4;

export function keyColumns(keys: EncryptionKeys, id: string, apiKey: string | null) {
  if (apiKey === null) return { apiKeyCiphertext: null, apiKeyHint: null };
  const apiKeyHint = apiKey.length > HINT_LENGTH ? apiKey.slice(-HINT_LENGTH) : '****';
  return { apiKeyCiphertext: encryptSecret(keys, apiKey, id), apiKeyHint };
}
