import { GatewayError, PROVIDER_TYPES, type ProviderConfig } from '@llm-gateway/shared';
import { allows, hasReal } from './serves.js';

/**
 * The provider that a request pins: by name, else by type, meaning the first enabled one of it that allows the model.
 * @param providers in priority order
 * @returns the provider, or the refusal: invalid_request where there is no such name or type, no_provider where it cannot serve.
 */
export function pinnedProvider(
  providers: readonly ProviderConfig[],
  pin: string,
  model: string | undefined,
): ProviderConfig | GatewayError {
  const allowed = (provider: ProviderConfig): boolean => model === undefined || allows(provider, model);
  const named = providers.find((provider) => provider.name === pin);
  if (named) {
    if (!named.enabled) return refused(`the provider ${pin} is disabled`);
    return allowed(named) ? named : refused(`the provider ${pin} does not allow the model ${model}`);
  }
  if (!(PROVIDER_TYPES as readonly string[]).includes(pin)) return unknown(pin);
  const standBack = hasReal(providers);
  const enabled = providers.filter(({ type, enabled, standIn }) => type === pin && enabled && !(standIn && standBack));
  if (enabled.length === 0) return refused(`no provider of the type ${pin} is enabled`);
  return enabled.find(allowed) ?? refused(`no enabled provider of the type ${pin} allows the model ${model}`);
}

const refused = (message: string): GatewayError => new GatewayError('no_provider', message);

function unknown(pin: string): GatewayError {
  const message = `there is no provider with the name or type ${pin}`;
  return new GatewayError('invalid_request', message, { details: [{ path: 'provider', message }] });
}
