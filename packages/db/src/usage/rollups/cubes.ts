/** Which sums are kept: for which of the dimensions, by which grains. */

/** The bits of `dimensions`. */
export const DIMENSION = { service: 1, customer: 2, provider: 4, model: 8 } as const;
export type Dimension = keyof typeof DIMENSION;

const { service, customer, provider, model } = DIMENSION;

export type Grain = 'hour' | 'day' | 'month';

export interface Cube {
  dimensions: number;
  grains: readonly Grain[];
}

const ALL_GRAINS = ['hour', 'day', 'month'] as const;

/**
 * The smaller one answers faster, so they are in that order. Customers may be thousands: told apart with everything else, by the hour,
 * their sums would be as many as the requests.
 */
export const CUBES: readonly Cube[] = [
  { dimensions: 0, grains: ALL_GRAINS },
  { dimensions: service, grains: ALL_GRAINS },
  { dimensions: provider, grains: ALL_GRAINS },
  { dimensions: model, grains: ALL_GRAINS },
  { dimensions: service | provider | model, grains: ALL_GRAINS },
  { dimensions: customer, grains: ALL_GRAINS },
  { dimensions: service | customer | provider | model, grains: ['day', 'month'] },
];

/** @returns the smallest cube that tells all these apart. */
export function cubeFor(dimensions: readonly Dimension[]): Cube {
  const wanted = dimensions.reduce((sum, name) => sum | DIMENSION[name], 0);
  const cube = CUBES.find((one) => (one.dimensions & wanted) === wanted);
  if (!cube) throw new RangeError('the last cube tells everything apart');
  return cube;
}
