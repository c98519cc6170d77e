import type { Standing } from '@llm-gateway/queue';
import type { Budget, NanoUsd } from '@llm-gateway/shared';

export interface Threshold {
  limit: 'hard' | 'soft';
  /** Percent of that limit. */
  threshold: number;
  limitNanoUsd: NanoUsd;
}

const PERCENTS = [50, 80, 100];

/**
 * The thresholds that a budget has reached: 50, 80 and 100 % of its hard limit, and 100 % of a soft one beside it; with a soft limit alone,
 * 50, 80 and 100 % of that. A hard limit counts as used up once it refuses: no call is made that would fill its last cent.
 */
export function dueThresholds(
  { hardLimitNanoUsd: hard, softLimitNanoUsd: soft }: Pick<Budget, 'hardLimitNanoUsd' | 'softLimitNanoUsd'>,
  { spentNanoUsd, refused }: Pick<Standing, 'spentNanoUsd' | 'refused'>,
): Threshold[] {
  const all: Threshold[] = [];
  if (hard !== null) all.push(...PERCENTS.map((threshold) => ({ limit: 'hard' as const, threshold, limitNanoUsd: hard })));
  if (soft !== null) {
    const percents = hard === null ? PERCENTS : [100];
    all.push(...percents.map((threshold) => ({ limit: 'soft' as const, threshold, limitNanoUsd: soft })));
  }
  return all.filter(({ limit, threshold, limitNanoUsd }) => {
    const usedUp = limit === 'hard' && threshold === 100 && refused;
    return usedUp || spentNanoUsd * 100 >= limitNanoUsd * threshold;
  });
}
