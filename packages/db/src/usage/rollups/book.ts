/** Adds what requests come to to the sums, or takes it away again. In the transaction that changes the rows, or they would part. */
import type { Queryable } from '../../connection/database.js';
import { Prisma } from '../../generated/client.js';
import { CUBES, DIMENSION, type Cube, type Grain } from './cubes.js';
import { eachSum, factsOf, SUMS, type Requests } from './facts.js';

export const KEY = Prisma.sql`dimensions, grain, bucket, service, customer_id, provider, model`;

/** What an INSERT of sums begins with; key, sums and latency follow in this order. */
export const INSERT_ROLLUPS = Prisma.sql`
  INSERT INTO llm_usage_rollups AS stored (${KEY}, ${Prisma.raw(SUMS.join(', '))}, latency)`;

const ADD_TO_STORED = Prisma.sql`
  ON CONFLICT (${KEY}) DO UPDATE SET ${eachSum((name) => `${name} = stored.${name} + excluded.${name}`)},
    latency = CASE WHEN excluded.latency IS NULL THEN stored.latency ELSE (
      SELECT array_agg((count << 8) | bin ORDER BY bin) FROM (
        SELECT element & 255 AS bin, sum(element >> 8)::bigint AS count
        FROM unnest(stored.latency || excluded.latency) AS element GROUP BY 1
      ) AS bins WHERE count <> 0
    ) END`;

export interface Booking extends Requests {
  /** -1 takes away: before a change of requests that are booked. */
  sign: 1 | -1;
  /** Default: all. */
  grains?: readonly Grain[];
}

/**
 * Books requests. Rows of sums are taken in the order of their keys, because two transactions that take them in different orders would
 * wait for each other for ever; and they are held until the transaction ends, so let this be its last statement.
 */
export async function book(tx: Queryable, { where, span, sign, grains = ['hour', 'day', 'month'] }: Booking): Promise<void> {
  const withCustomer = CUBES.filter((cube) => (cube.dimensions & DIMENSION.customer) !== 0);
  const without = CUBES.filter((cube) => (cube.dimensions & DIMENSION.customer) === 0);
  const signed = Prisma.raw(`(${sign})`);
  await tx.$executeRaw`
    ${INSERT_ROLLUPS}
    WITH ${factsOf({ where, span })},
    -- Most cubes do without the customer: what they have in common is added up once.
    everybody AS (
      SELECT date_trunc('hour', created_at) AS created_at, service, '' AS customer_id, provider, model, bin, ${SUM_EACH}
      FROM facts GROUP BY 1, service, provider, model, bin
    ),
    by_bin AS (${cells(Prisma.sql`everybody`, without, grains)} UNION ALL ${cells(Prisma.sql`facts`, withCustomer, grains)})
    SELECT ${KEY}, ${eachSum((name) => `(${sign}) * sum(${name})`)},
      array_agg(((${signed} * requests)::bigint << 8) | bin) FILTER (WHERE bin IS NOT NULL)
    FROM by_bin GROUP BY ${KEY} ORDER BY ${KEY}
    ${ADD_TO_STORED}`;
}

const SUM_EACH = eachSum((name) => `sum(${name}) AS ${name}`);

/** @returns a SELECT of the cubes' cells, each by bin. */
function cells(facts: Prisma.Sql, cubes: readonly Cube[], grains: readonly Grain[]): Prisma.Sql {
  const kinds = cubes.flatMap(({ dimensions, grains: kept }) =>
    kept.filter((grain) => grains.includes(grain)).map((grain) => `(${dimensions}::smallint, '${grain}')`),
  );
  const kept = (column: string, bit: number): string =>
    `CASE WHEN dimensions & ${bit} <> 0 THEN ${column} ELSE '' END AS ${column}`;
  const { service, customer, provider, model } = DIMENSION;
  return Prisma.sql`
    SELECT dimensions, grain, date_trunc(grain, created_at) AS bucket, ${Prisma.raw(kept('service', service))},
      ${Prisma.raw(kept('customer_id', customer))}, ${Prisma.raw(kept('provider', provider))}, ${Prisma.raw(kept('model', model))},
      bin, ${SUM_EACH}
    FROM ${facts} CROSS JOIN (VALUES ${Prisma.raw(kinds.join(', '))}) AS cube (dimensions, grain)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, bin`;
}
