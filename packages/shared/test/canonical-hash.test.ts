import { describe, expect, it } from '@jest/globals';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { canonicalJson } from '../src/canonical-hash.js';

describe('canonical JSON', () => {
  it('is what the reference implementation of RFC 8785 writes, for any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'grapheme' }), (value) => expect(canonicalJson(value)).toBe(canonicalize(value))),
    );
  });

  it('has no place for what is undefined, and keeps the place of it in a list', () => {
    const value = { b: undefined, a: [1, undefined, { z: undefined }] };
    expect(canonicalJson(value)).toBe('{"a":[1,null,{}]}');
    expect(canonicalize(value)).toBe('{"a":[1,null,{}]}');
  });
});
