/** Price tables in the form in which genai-prices publishes them: what is checked before one is believed. */
import { createHash } from 'node:crypto';
import type { Provider } from '@pydantic/genai-prices';
import { z } from 'zod';

const usd = z.number().nonnegative();
const price = z.union([
  usd,
  z.looseObject({ base: usd, tiers: z.array(z.looseObject({ start: z.int().nonnegative(), price: usd })) }),
]);
const prices = z.record(z.string(), price);
const isRegex = (text: string): boolean => {
  try {
    return Boolean(new RegExp(text));
  } catch {
    return false;
  }
};
const priceData = z
  .array(
    z.looseObject({
      id: z.string().min(1),
      name: z.string(),
      api_pattern: z.string().refine(isRegex, 'must be a regular expression'),
      models: z.array(
        z.looseObject({
          id: z.string().min(1),
          match: z.looseObject({}),
          prices: z.union([prices, z.array(z.looseObject({ prices }))]),
        }),
      ),
    }),
  )
  .min(1);

export interface PriceData {
  /** The same wherever the same table is used, for it is made of its content. */
  version: string;
  providers: Provider[];
}

/** @throws Error that says what is wrong with the table, and where. */
export function parsePriceData(text: string): PriceData {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error('the price table is not JSON');
  }
  const parsed = priceData.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Error(`the price table is malformed at ${issue?.path.join('.') || 'its top'}: ${issue?.message ?? ''}`);
  }
  const hash = createHash('sha256').update(JSON.stringify(json)).digest('hex');
  return { version: `genai-prices#${hash.slice(0, 12)}`, providers: json as Provider[] };
}
