import { budget, usdToNano, type Budget, type NanoUsd } from '@llm-gateway/shared';
import { Prisma, type Budget as BudgetRow } from '../generated/client.js';

/** A budget as administrators see it. Its webhook is nobody else's business: it stays out of the mirrored configuration. */
export interface StoredBudget extends Budget {
  webhookUrl: string | null;
  /** ISO 8601. */
  createdAt: string;
  updatedAt: string;
}

export type BudgetInput = Omit<StoredBudget, 'id' | 'createdAt' | 'updatedAt'>;
/** What may change: for whom and in which window a budget counts does not. */
export type BudgetPatch = Partial<Pick<BudgetInput, 'softLimitNanoUsd' | 'hardLimitNanoUsd' | 'webhookUrl'>>;

/** @returns exact decimals: a nano-USD is the last digit of the column. */
const toDecimal = (nano: NanoUsd | null): Prisma.Decimal | null => (nano === null ? null : new Prisma.Decimal(nano).div(1e9));
const toNano = (usd: Prisma.Decimal | null): NanoUsd | null => (usd === null ? null : usdToNano(usd.toNumber()));

/** @throws ZodError for a row that this build does not understand: money is not guessed at. */
export function toBudget(row: BudgetRow): Budget {
  const { id, scope, customerId, service, period: window } = row;
  const limits = { softLimitNanoUsd: toNano(row.softLimitUsd), hardLimitNanoUsd: toNano(row.hardLimitUsd) };
  return budget.parse({ id, scope, customerId, service, window, ...limits });
}

export function toStoredBudget(row: BudgetRow): StoredBudget {
  const times = { createdAt: row.createdAt.toISOString(), updatedAt: row.updatedAt.toISOString() };
  return { ...toBudget(row), webhookUrl: row.webhookUrl, ...times };
}

/** The columns of what is given. */
export const toLimitColumns = ({ softLimitNanoUsd, hardLimitNanoUsd, webhookUrl }: BudgetPatch) => ({
  ...(softLimitNanoUsd === undefined ? {} : { softLimitUsd: toDecimal(softLimitNanoUsd) }),
  ...(hardLimitNanoUsd === undefined ? {} : { hardLimitUsd: toDecimal(hardLimitNanoUsd) }),
  ...(webhookUrl === undefined ? {} : { webhookUrl }),
});
