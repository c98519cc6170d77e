import { z } from 'zod';

const MAX_LIMIT = 1_000;
const limitProblem = `must be a whole number from 1 to ${MAX_LIMIT}`;

/** How many rows; query parameters are text. */
export const limitParam = (defaultLimit: number) =>
  z
    .string()
    .regex(/^\d{1,6}$/, limitProblem)
    .transform(Number)
    .pipe(z.int().min(1, limitProblem).max(MAX_LIMIT, limitProblem))
    .prefault(String(defaultLimit))
    .meta({ override: { type: 'integer', minimum: 1, maximum: MAX_LIMIT, default: defaultLimit, pattern: undefined } });

/** The query of every list. */
export const pageQuery = {
  limit: limitParam(50).describe('Rows a page.'),
  cursor: z.string().min(1).max(1_000).optional().describe('The `next_cursor` of the page before.'),
};

/** A list as the contract has it. */
export const pageOf = <T extends z.ZodType>(row: T) => z.object({ data: z.array(row), next_cursor: z.string().nullable() });
