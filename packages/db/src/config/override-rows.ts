import type { CustomerOverride } from '@llm-gateway/shared';
import type { CustomerOverride as OverrideRow } from '../generated/client.js';

/** What an administrator says about an override; the provider goes by its name. */
export interface OverrideInput {
  /** null: every customer. */
  customerId: string | null;
  /** null: every service. Not both null. */
  service: string | null;
  provider: string;
  /** null: the provider's default model. */
  model: string | null;
  enabled: boolean;
}

export const withProviderName = { provider: { select: { name: true } } } as const;

export function toOverride(row: OverrideRow & { provider: { name: string } }): CustomerOverride {
  const { id, customerId, service, model, enabled, provider, version, createdAt, updatedAt } = row;
  const times = { createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
  return { id, customerId, service, provider: provider.name, model, enabled, version, ...times };
}
