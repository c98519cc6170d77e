import { hash } from 'node:crypto';

/** SHA-256, in hex, of a value's canonical JSON (RFC 8785): equal values have equal hashes whatever their key order. */
export const canonicalHash = (value: unknown): string => hash('sha256', canonicalJson(value), 'hex');

/**
 * RFC 8785 for JSON as it comes out of our schemas: finite numbers and well-formed text, which JSON.stringify writes as the RFC
 * wants them. Ours, because the library looks at each character of a prompt, and prompts are long; a test holds the two together.
 */
export function canonicalJson(value: unknown): string {
  if (value === undefined) return 'null';
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(',')}}`;
}
