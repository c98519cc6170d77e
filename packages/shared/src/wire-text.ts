import { z } from 'zod';

/** Text that every part of the system can hold: PostgreSQL takes no NUL, UTF-8 has no lone surrogates. */
const clean = (value: string): boolean => !value.includes('\u0000') && value.isWellFormed();

/** Somebody else's text as every part of the system can hold it: what a vendor says must not cost us the row that records it. */
export const storable = (text: string, max: number): string => text.replaceAll('\u0000', '').toWellFormed().slice(0, max);

export const wireText = (max: number) =>
  z.string().max(max, `must be at most ${max} characters`).refine(clean, 'must be well-formed Unicode without NUL characters');

/** A name or id: non-empty {@link wireText} without control characters. */
export const wireName = (max: number) =>
  wireText(max)
    .min(1, 'must not be empty')
    // eslint-disable-next-line no-control-regex -- control characters are what this refuses
    .refine((value) => !/[\u0001-\u001f\u007f]/.test(value), 'must not contain control characters');

/** Arbitrary JSON from a caller, bounded in depth and size without recursion, so that nothing behind it can overflow. */
export const boundedJson = (maxDepth: number, maxNodes: number) =>
  z.record(z.string(), z.unknown()).refine((value) => isBounded(value, maxDepth, maxNodes), {
    message: `must be at most ${maxDepth} levels deep with at most ${maxNodes} values, in well-formed Unicode without NUL characters`,
  });

function isBounded(root: unknown, maxDepth: number, maxNodes: number): boolean {
  const open: { value: unknown; depth: number }[] = [{ value: root, depth: 1 }];
  let nodes = 0;
  for (let next = open.pop(); next; next = open.pop()) {
    if (++nodes > maxNodes || next.depth > maxDepth) return false;
    const { value, depth } = next;
    if (typeof value === 'string' && !clean(value)) return false;
    if (typeof value !== 'object' || value === null) continue;
    for (const [key, child] of Object.entries(value)) {
      if (!clean(key)) return false;
      open.push({ value: child, depth: depth + 1 });
    }
  }
  return true;
}
