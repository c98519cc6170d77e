import type { ProviderAnswer } from '@llm-gateway/providers';
import { PROVIDER_FAULTS, ProviderError } from '@llm-gateway/shared';
import type { EngineDeps } from '../deps.js';

/**
 * Tells all replicas what a call says about its provider's health. Costs nothing while all is well.
 * @param fair the call had as long as the provider's own timeout, or long enough for any answer.
 */
export async function reportHealth(
  lanes: EngineDeps['lanes'],
  provider: string,
  answer: ProviderAnswer | ProviderError,
  { probe, hadFailures, fair }: { probe: boolean; hadFailures: boolean; fair: boolean },
): Promise<void> {
  if (!(answer instanceof ProviderError)) {
    if (hadFailures) await lanes.recovered(provider);
    return;
  }
  // A caller in a hurry says nothing about the provider: else one service's short deadlines would shut it for all.
  const hurried = answer.fault === 'timeout' && !fair;
  const circuit = hurried ? 'none' : PROVIDER_FAULTS[answer.fault].circuit;
  if (circuit !== 'none') await lanes.failed(provider, circuit === 'open');
  else if (probe) await lanes.probeInconclusive(provider);
}
