import { Prisma } from '../generated/client.js';

/** Which requests a figure is about. */
export interface UsageFilter {
  from: Date;
  /** Not included. */
  to: Date;
  service?: string | undefined;
  customerId?: string | undefined;
  /** The provider that answered, or was asked last. */
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
