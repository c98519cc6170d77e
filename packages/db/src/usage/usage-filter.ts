import { Prisma } from '../generated/client.js';

/** Which requests a figure is about. */
export interface UsageFilter {
  from: Date;
  /** Not included. */
  to: Date;
  service?: string | undefined;
  customerId?: string | undefined;
  /** Who answered or was asked last; for what is counted by calls (cost, waste, errors of providers) who was called. */
  provider?: string | undefined;
}

/** @returns the condition on `llm_usage_logs`; values are bound. */
export function matching(filter: UsageFilter): Prisma.Sql {
  const conditions = [Prisma.sql`created_at >= ${filter.from}`, Prisma.sql`created_at < ${filter.to}`];
  if (filter.service !== undefined) conditions.push(Prisma.sql`service = ${filter.service}`);
  if (filter.customerId !== undefined) conditions.push(Prisma.sql`customer_id = ${filter.customerId}`);
  if (filter.provider !== undefined) conditions.push(Prisma.sql`provider = ${filter.provider}`);
  return Prisma.join(conditions, ' AND ');
}
