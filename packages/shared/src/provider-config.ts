/** Providers and overrides: as every process holds them in memory, and as they travel in the mirror of the configuration. */
import { z } from 'zod';
import { budget } from './budget.js';
import { keyRing } from './service-key.js';

export const PROVIDER_TYPES = ['claude', 'openai', 'gemini', 'llama', 'mistral', 'custom'] as const;
export const providerType = z.enum(PROVIDER_TYPES);
export type ProviderType = z.infer<typeof providerType>;

const usdPerMillionTokens = z.number().min(0).max(1_000_000);

/** A provider's own prices in USD per million tokens; they beat the price table. */
export const providerPricing = z.strictObject({
  input_per_mtok: usdPerMillionTokens,
  output_per_mtok: usdPerMillionTokens,
  cached_input_per_mtok: usdPerMillionTokens.optional(),
  cache_write_per_mtok: usdPerMillionTokens.optional(),
});
export type ProviderPricing = z.infer<typeof providerPricing>;

const limit = z.int().positive().nullable();

export const providerConfig = z.object({
  id: z.string(),
  name: z.string(),
  type: providerType,
  /** Encrypted with the row id as associated data; null where the server wants no key. */
  apiKeyCiphertext: z.string().nullable(),
  apiKeyHint: z.string().nullable(),
  /** The key before the last rotation, encrypted alike: calls fall back on it until `previousKeyUntil`. */
  previousKeyCiphertext: z.string().nullable().default(null),
  previousKeyUntil: z.iso.datetime().nullable().default(null),
  baseUrl: z.string().nullable(),
  defaultModel: z.string(),
  /** Allowed models; empty: any. */
  models: z.array(z.string()),
  /** Lower first. */
  priority: z.int(),
  enabled: z.boolean(),
  rpmLimit: limit,
  tpmLimit: limit,
  maxConcurrency: limit,
  /** Longest single call; null: the request's deadline alone. */
  timeoutMs: z.int().positive().nullable(),
  /** Further calls to this provider after a failed one, before the next candidate. */
  maxRetries: z.int().nonnegative(),
  pricing: providerPricing.nullable(),
  /** Its answers are made up: it gives way to any real provider, see routing. */
  standIn: z.boolean().default(false),
  /** Grows by one with every change. */
  version: z.int(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
export type ProviderConfig = z.infer<typeof providerConfig>;

export const customerOverride = z.object({
  id: z.string(),
  /** null: every customer. */
  customerId: z.string().nullable(),
  /** null: every service. Not both null. */
  service: z.string().nullable(),
  /** The name of the provider. */
  provider: z.string(),
  /** null: the provider's default model. */
  model: z.string().nullable(),
  enabled: z.boolean(),
  /** Grows by one with every change. */
  version: z.int().default(1),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
export type CustomerOverride = z.infer<typeof customerOverride>;

/** All that routing, budgets and authentication need, in one consistent read. `version` grows with every change of any list. */
export const configSnapshot = z.object({
  version: z.int(),
  providers: z.array(providerConfig),
  overrides: z.array(customerOverride),
  budgets: z.array(budget).default([]),
  /** The keys in the database. Absent: not known, as in the mirror of a build that had none. */
  access: keyRing.optional(),
  /** Names of providers that this build cannot understand, and leaves out. */
  unreadable: z.array(z.string()).default([]),
});
export type ConfigSnapshot = z.infer<typeof configSnapshot>;

/** Where one attempt goes. Names, not configuration: a worker uses the provider as it is when the call is made. */
export const candidate = z.object({ provider: z.string(), type: providerType, model: z.string() });
export type Candidate = z.infer<typeof candidate>;
