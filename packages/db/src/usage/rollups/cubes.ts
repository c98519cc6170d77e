/** Which sums are kept: for which of the dimensions, by which grains. */

/** The bits of `dimensions`. */
export const DIMENSION = { service: 1, customer: 2, provider: 4, model: 8 } as const;
export type Dimension = keyof typeof DIMENSION;

const { service, customer, provider, model } = DIMENSION;

/** Finest first. A pentad is five days: six to a month, the last of which holds what remains (three to six). */
export const GRAINS = ['hour', 'day', 'pentad', 'month'] as const;
export type Grain = (typeof GRAINS)[number];

/** What is written a day at a time; the others are sums of days. */
export const FINE_GRAINS = ['hour', 'day'] as const satisfies readonly Grain[];
export const COARSE_GRAINS = ['pentad', 'month'] as const satisfies readonly Grain[];

export interface Cube {
  dimensions: number;
  grains: readonly Grain[];
}

const USUAL_GRAINS = ['hour', 'day', 'month'] as const;

/**
 * The smaller one answers faster, so they are in that order. Customers may be thousands: up to fifteen days of each were most of what a
 * range is put together from, hence their pentads; told apart with something else, by the hour, their sums would be as many as the requests.
 */
export const CUBES: readonly Cube[] = [
  { dimensions: 0, grains: USUAL_GRAINS },
  { dimensions: service, grains: USUAL_GRAINS },
  { dimensions: provider, grains: USUAL_GRAINS },
  { dimensions: model, grains: USUAL_GRAINS },
  { dimensions: service | provider | model, grains: USUAL_GRAINS },
  { dimensions: customer, grains: GRAINS },
  { dimensions: service | customer, grains: ['day', 'month'] },
  { dimensions: service | customer | provider | model, grains: ['day', 'month'] },
];

/** @returns the smallest cube that tells all these apart. */
export function cubeFor(dimensions: readonly Dimension[]): Cube {
  const wanted = dimensions.reduce((sum, name) => sum | DIMENSION[name], 0);
  const cube = CUBES.find((one) => (one.dimensions & wanted) === wanted);
  if (!cube) throw new RangeError('the last cube tells everything apart');
  return cube;
}

/** @returns the dimensions of the cubes that have a grain. */
export const cubesOf = (grain: Grain): number[] =>
  CUBES.filter(({ grains }) => grains.includes(grain)).map(({ dimensions }) => dimensions);

/** @returns SQL of when the bucket begins that a time is in. Sessions speak UTC. @param grain an SQL expression, as `time` is. */
export const bucketOf = (grain: string, time: string): string =>
  `CASE ${grain} WHEN 'pentad' THEN date_trunc('month', ${time}) + least((extract(day FROM ${time})::integer - 1) / 5, 5) * interval '5 days'
    ELSE date_trunc(${grain}, ${time}) END`;
