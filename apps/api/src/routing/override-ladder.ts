import type { CustomerOverride, ProviderConfig } from '@llm-gateway/shared';
import type { RouteQuery } from './resolve.js';
import { allows, hasReal, serves } from './serves.js';

export type OverrideRule = 'customer+service' | 'customer' | 'service';

export interface OverrideMatch {
  rule: OverrideRule;
  /** Whom the override is for, in words. */
  subject: string;
  provider: ProviderConfig;
  model: string;
}

interface Rung {
  rule: OverrideRule;
  customerId: string | null;
  service: string | null;
}

/** Goes down the ladder to the first override that can be followed; what is passed over is said in `notes`. */
export function matchingOverride(
  providers: readonly ProviderConfig[],
  overrides: readonly CustomerOverride[],
  query: RouteQuery,
): { match: OverrideMatch | null; notes: string[] } {
  const notes: string[] = [];
  if (overrides.length === 0) return { match: null, notes };
  for (const { rule, customerId, service } of rungs(query)) {
    const override = overrides.find((entry) => entry.customerId === customerId && entry.service === service);
    if (!override) continue;
    const subject = describe(override);
    const provider = providers.find(({ name }) => name === override.provider);
    const model = query.model ?? override.model ?? provider?.defaultModel ?? '';
    const problem =
      provider?.standIn && hasReal(providers)
        ? `its provider ${provider.name} is a stand-in, and real providers are enabled`
        : obstacle(override, provider, model, query.model !== undefined);
    if (provider && problem === null) return { match: { rule, subject, provider, model }, notes };
    notes.push(`override for ${subject} passed over: ${problem ?? 'its provider does not exist'}`);
  }
  return { match: null, notes };
}

function rungs({ customerId = null, service = null }: RouteQuery): Rung[] {
  return [
    ...(customerId !== null && service !== null ? [{ rule: 'customer+service' as const, customerId, service }] : []),
    ...(customerId !== null ? [{ rule: 'customer' as const, customerId, service: null }] : []),
    ...(service !== null ? [{ rule: 'service' as const, customerId: null, service }] : []),
  ];
}

/** @returns why the override cannot be followed; null where it can. */
function obstacle(
  override: CustomerOverride,
  provider: ProviderConfig | undefined,
  model: string,
  modelPinned: boolean,
): string | null {
  if (!override.enabled) return 'it is disabled';
  if (!provider) return 'its provider does not exist';
  if (!provider.enabled) return `its provider ${provider.name} is disabled`;
  // The caller did not choose this provider, so for a pinned model it must be one that has it.
  const can = modelPinned ? serves(provider, model) !== 'no' : allows(provider, model);
  return can ? null : `its provider ${provider.name} does not ${modelPinned ? 'serve' : 'allow'} the model ${model}`;
}

const describe = ({ customerId, service }: CustomerOverride): string =>
  [customerId === null ? null : `customer ${customerId}`, service === null ? null : `service ${service}`]
    .filter((part) => part !== null)
    .join(' and ');
