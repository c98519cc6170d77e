/** Adds what requests come to to the sums, or takes it away again. In the transaction that changes the rows, or they would part. */
import type { Queryable } from '../../connection/database.js';
import { Prisma } from '../../generated/client.js';
import { bucketOf, CUBES, DIMENSION, GRAINS, type Cube, type Grain } from './cubes.js';
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
export async function book(tx: Queryable, { sign, grains = GRAINS, ...requests }: Booking): Promise<void> {
  const withCustomer = CUBES.filter((cube) => (cube.dimensions & DIMENSION.customer) !== 0);
  const without = CUBES.filter((cube) => (cube.dimensions & DIMENSION.customer) === 0);
  await tx.$executeRaw`
    ${INSERT_ROLLUPS}
    WITH ${factsOf(requests)},
    -- Sums without bins are far fewer than with them, and most cubes do without the customer: what they share is added up once.
    added AS (SELECT ${HOUR}, service, customer_id, provider, model, ${SUM_EACH} FROM facts GROUP BY 1, 2, 3, 4, 5),
    binned AS (
      SELECT ${HOUR}, service, customer_id, provider, model, bin, count(*) AS requests FROM facts WHERE bin IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6
    ),
    added_all AS (SELECT created_at, service, '' AS customer_id, provider, model, ${SUM_EACH} FROM added GROUP BY 1, 2, 4, 5),
    binned_all AS (
      SELECT created_at, service, '' AS customer_id, provider, model, bin, sum(requests)::bigint AS requests FROM binned GROUP BY 1, 2, 4, 5, 6
    ),
    parts AS (
      ${sumsIn('added_all', kindsOf(without, grains))} UNION ALL ${sumsIn('added', kindsOf(withCustomer, grains))}
      UNION ALL ${binsIn('binned_all', kindsOf(without, grains))} UNION ALL ${binsIn('binned', kindsOf(withCustomer, grains))}
    )
    SELECT ${KEY}, ${eachSum((name) => `(${sign}) * sum(${name})`)}, array_agg(((${Prisma.raw(`(${sign})`)} * n) << 8) | bin) FILTER (WHERE bin IS NOT NULL)
    FROM parts GROUP BY ${KEY} ORDER BY ${KEY}
    ${ADD_TO_STORED}`;
}

const HOUR = Prisma.sql`date_trunc('hour', created_at) AS created_at`;
// Sums of bigint are numeric, which is several times slower to go on with.
const SUM_EACH = eachSum((name) => `sum(${name})::bigint AS ${name}`);

/** @returns VALUES of the cubes' dimensions and grains. */
function kindsOf(cubes: readonly Cube[], grains: readonly Grain[]): string {
  const kinds = cubes.flatMap(({ dimensions, grains: kept }) =>
    kept.filter((grain) => grains.includes(grain)).map((grain) => `(${dimensions}::smallint, '${grain}')`),
  );
  return `(VALUES ${kinds.join(', ')}) AS cube (dimensions, grain)`;
}

const { service, customer, provider, model } = DIMENSION;
const kept = (column: string, bit: number): string =>
  `CASE WHEN dimensions & ${bit} <> 0 THEN ${column} ELSE '' END AS ${column}`;
const CELL = `dimensions, grain, ${bucketOf('grain', 'created_at')} AS bucket, ${kept('service', service)}, ${kept('customer_id', customer)},
  ${kept('provider', provider)}, ${kept('model', model)}`;

/** @returns a SELECT of the sums of the cubes' cells. */
const sumsIn = (source: string, kinds: string): Prisma.Sql =>
  Prisma.sql`SELECT ${Prisma.raw(CELL)}, ${SUM_EACH}, NULL::integer AS bin, NULL::bigint AS n FROM ${Prisma.raw(`${source} CROSS JOIN ${kinds}`)}
    GROUP BY 1, 2, 3, 4, 5, 6, 7`;

/** @returns a SELECT of the bins of the cubes' cells, beside sums of nothing. */
const binsIn = (source: string, kinds: string): Prisma.Sql =>
  Prisma.sql`SELECT ${Prisma.raw(CELL)}, ${eachSum(() => '0::bigint')}, bin, sum(requests)::bigint FROM ${Prisma.raw(`${source} CROSS JOIN ${kinds}`)}
    GROUP BY 1, 2, 3, 4, 5, 6, 7, bin`;
