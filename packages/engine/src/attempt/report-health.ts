import type { ProviderAnswer } from '@llm-gateway/providers';
import type { LaneHealth } from '@llm-gateway/queue';
import { PROVIDER_FAULTS, ProviderError } from '@llm-gateway/shared';

/** Tells all replicas what a call says about its provider's health. Costs nothing while all is well. */
export async function reportHealth(
  lanes: LaneHealth,
  provider: string,
  answer: ProviderAnswer | ProviderError,
  { probe, hadFailures }: { probe: boolean; hadFailures: boolean },
): Promise<void> {
  if (!(answer instanceof ProviderError)) {
    if (hadFailures) await lanes.recovered(provider);
    return;
  }
  const { circuit } = PROVIDER_FAULTS[answer.fault];
  if (circuit !== 'none') await lanes.failed(provider, circuit === 'open');
  else if (probe) await lanes.probeInconclusive(provider);
}
