import type { StoredAttempt } from '@llm-gateway/db';
import { NANO_PER_USD } from '@llm-gateway/shared';
import type { Verdict } from './reprice.js';

/** What a re-pricing does to the attempts of one model of one provider, or to all. */
export interface DiffFigures {
  attempts: number;
  /** Attempts whose cost becomes another, those that had none included. */
  changed: number;
  /** Of these, the ones that had no price. */
  newly_priced: number;
  /** Attempts that keep a cost which cannot be worked out any more: their model or provider is gone. */
  kept: number;
  /** Attempts without a price, after as before. */
  unpriced: number;
  /** Attempts whose tokens are estimated, and so is their cost, before and after. */
  estimated: number;
  /** Sum of the costs that are known. */
  old_cost_usd: number;
  new_cost_usd: number;
}

export type ModelDiff = { provider: string; model: string } & DiffFigures;

type Sums = Omit<DiffFigures, 'old_cost_usd' | 'new_cost_usd'> & { oldNano: bigint; newNano: bigint };

/** Sums are exact whatever the range: nano-dollars pass what a number holds at nine million USD. */
export class PriceDiff {
  private readonly models = new Map<string, { provider: string; model: string; sums: Sums }>();
  private readonly all = noSums();

  add(attempt: StoredAttempt, verdict: Verdict): void {
    const { provider } = attempt;
    const model = attempt.servedModel ?? attempt.model;
    const key = JSON.stringify([provider, model]);
    const group = this.models.get(key) ?? { provider, model, sums: noSums() };
    this.models.set(key, group);
    for (const sums of [group.sums, this.all]) addTo(sums, attempt, verdict);
  }

  /** Those that change most come first. */
  byModel(): ModelDiff[] {
    return [...this.models.values()]
      .map(({ provider, model, sums }) => ({ provider, model, ...figures(sums) }))
      .sort((a, b) => difference(b) - difference(a) || b.attempts - a.attempts);
  }

  total(): DiffFigures {
    return figures(this.all);
  }
}

const difference = ({ old_cost_usd, new_cost_usd }: DiffFigures): number => Math.abs(new_cost_usd - old_cost_usd);

function noSums(): Sums {
  return { attempts: 0, changed: 0, newly_priced: 0, kept: 0, unpriced: 0, estimated: 0, oldNano: 0n, newNano: 0n };
}

function addTo(sums: Sums, attempt: StoredAttempt, verdict: Verdict): void {
  const before = attempt.costNanoUsd;
  const after = verdict.kind === 'changed' ? verdict.price.costNanoUsd : before;
  sums.attempts += 1;
  if (verdict.kind === 'changed') sums.changed += 1;
  if (verdict.kind === 'kept') sums.kept += 1;
  if (before === null && after !== null) sums.newly_priced += 1;
  if (after === null) sums.unpriced += 1;
  if (attempt.estimated) sums.estimated += 1;
  sums.oldNano += BigInt(before ?? 0);
  sums.newNano += BigInt(after ?? 0);
}

function figures({ oldNano, newNano, ...counts }: Sums): DiffFigures {
  return { ...counts, old_cost_usd: inUsd(oldNano), new_cost_usd: inUsd(newNano) };
}

const inUsd = (nano: bigint): number => Number(nano) / NANO_PER_USD;
