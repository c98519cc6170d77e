/** What a range came to: from the rollups as far as they go, from the requests' own rows at its ends. */
import { Prisma } from '../../generated/client.js';
import { matching, type UsageFilter } from '../usage-filter.js';
import { cover, type Piece } from './cover.js';
import { cubeFor, GRAINS, type Cube, type Dimension, type Grain } from './cubes.js';
import { eachSum, factsOf } from './facts.js';
import { LATENCY_BIN } from './latency.js';

export interface Wanted {
  filter: UsageFilter;
  /** What the answer tells apart. */
  by: readonly Dimension[];
  /** The longest buckets that may be used; default: months. */
  coarsest?: Grain | 'request';
}

/**
 * @returns a SELECT of created_at (the bucket's beginning, or when the request arrived), service, customer_id, provider, model, the sums,
 * latency and sign, to be added up further. Of the dimensions only those asked for have a meaning. Sums to be taken off are negative; their
 * latencies are as they are stored, and their sign is -1.
 */
export function sumsOf(wanted: Wanted): Prisma.Sql {
  const { cube, pieces } = partsOf(wanted);
  const selects = pieces.map((piece) =>
    piece.grain === 'request' ? fromRequests(piece, wanted.filter) : fromRollups(piece, cube.dimensions, wanted.filter),
  );
  return Prisma.join(selects, ' UNION ALL ');
}

/** @returns a SELECT of service, customer_id, provider, model, latency and sign, as `sumsOf`: for these no calls need be looked for. */
export function latenciesOf(wanted: Wanted): Prisma.Sql {
  const { cube, pieces } = partsOf(wanted);
  const selects = pieces.map((piece) => {
    const sign = Prisma.raw(String(piece.sign));
    if (piece.grain !== 'request')
      return Prisma.sql`(SELECT service, customer_id, provider, model, latency, ${sign} AS sign FROM ${cellsIn(piece, cube.dimensions, wanted.filter)})`;
    return Prisma.sql`(
      SELECT service, coalesce(customer_id, '') AS customer_id, coalesce(provider, '') AS provider, coalesce(model, '') AS model,
        ARRAY[256::bigint | ${LATENCY_BIN}] AS latency, ${sign} AS sign
      FROM llm_usage_logs WHERE ${matching({ ...wanted.filter, from: piece.from, to: piece.to })})`;
  });
  return Prisma.join(selects, ' UNION ALL ');
}

function partsOf({ filter, by, coarsest = 'month' }: Wanted): { cube: Cube; pieces: Piece[] } {
  const cube = cubeFor([...by, ...filteredBy(filter)]);
  const usable = coarsest === 'request' ? [] : GRAINS.slice(0, GRAINS.indexOf(coarsest) + 1);
  // A cube without hours has days: then the hours at the ends come from the requests.
  const pieces = cover(
    filter,
    usable.filter((grain) => cube.grains.includes(grain)),
  );
  return { cube, pieces };
}

const filteredBy = ({ service, customerId, provider }: UsageFilter): Dimension[] => [
  ...(service === undefined ? [] : (['service'] as const)),
  ...(customerId === undefined ? [] : (['customer'] as const)),
  ...(provider === undefined ? [] : (['provider'] as const)),
];

function fromRollups(piece: Piece, dimensions: number, filter: UsageFilter): Prisma.Sql {
  const { sign } = piece;
  return Prisma.sql`(
    SELECT bucket AS created_at, service, customer_id, provider, model, ${signed(sign)}, latency, ${Prisma.raw(String(sign))} AS sign
    FROM ${cellsIn(piece, dimensions, filter)})`;
}

const cellsIn = ({ grain, from, to }: Piece, dimensions: number, filter: UsageFilter): Prisma.Sql =>
  Prisma.sql`llm_usage_rollups
    WHERE dimensions = ${dimensions} AND grain = ${grain} AND bucket >= ${from} AND bucket < ${to} ${andMatching(filter)}`;

function fromRequests(span: Piece, { service, customerId, provider }: UsageFilter): Prisma.Sql {
  const { from, to, sign } = span;
  const where = Prisma.sql`created_at >= ${from} AND created_at < ${to} ${andMatching({ service, customerId })}`;
  return Prisma.sql`(
    WITH ${factsOf({ where, span })}
    SELECT created_at, service, customer_id, provider, model, ${signed(sign)},
      CASE WHEN bin IS NOT NULL THEN ARRAY[256::bigint | bin] END AS latency, ${Prisma.raw(String(sign))} AS sign
    FROM facts WHERE true ${andMatching({ provider })})`;
}

const signed = (sign: 1 | -1): Prisma.Sql => eachSum((name) => `${sign === 1 ? '' : '-'}${name}::bigint AS ${name}`);

function andMatching({ service, customerId, provider }: Partial<UsageFilter>): Prisma.Sql {
  const conditions: Prisma.Sql[] = [];
  if (service !== undefined) conditions.push(Prisma.sql`AND service = ${service}`);
  if (customerId !== undefined) conditions.push(Prisma.sql`AND customer_id = ${customerId}`);
  if (provider !== undefined) conditions.push(Prisma.sql`AND provider = ${provider}`);
  return conditions.length === 0 ? Prisma.empty : Prisma.join(conditions, ' ');
}
