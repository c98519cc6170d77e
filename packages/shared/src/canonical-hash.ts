import { hash } from 'node:crypto';

/** SHA-256, in hex. */
export const textHash = (text: string): string => hash('sha256', text, 'hex');

/** SHA-256, in hex, of a value's canonical JSON (RFC 8785): equal values have equal hashes whatever their key order. */
export const canonicalHash = (value: unknown): string => textHash(canonicalJson(value));

/**
 * RFC 8785 for JSON as it comes out of our schemas: finite numbers and well-formed text, which JSON.stringify writes as the RFC
 * wants them. Ours, because the library looks at each character of a prompt, and prompts are long; a test holds the two together.
 */
export function canonicalJson(value: unknown): string {
  if (value === undefined) return 'null';
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  let members = '';
  for (const key of inOrder(Object.keys(value))) {
    const member = (value as Record<string, unknown>)[key];
    if (member !== undefined) members += `${members && ','}${JSON.stringify(key)}:${canonicalJson(member)}`;
  }
  return `{${members}}`;
}

/** What is in order already is not sorted, which would cost more than the look. */
const inOrder = (keys: string[]): string[] =>
  keys.every((key, index) => index === 0 || (keys[index - 1] ?? '') < key) ? keys : keys.sort();
