import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { jsonExcess } from '../../src/http/json-excess.js';

const excess = (text: string): string | null => jsonExcess(Buffer.from(text));

describe('jsonExcess', () => {
  it('lets any ordinary JSON pass', () => {
    fc.assert(fc.property(fc.json({ maxDepth: 20 }), (json) => excess(json) === null));
  });

  it('does not count what stands in strings', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => excess(JSON.stringify([text + ',[{'.repeat(20_000) + text])) === null),
      { numRuns: 20 },
    );
    expect(excess(JSON.stringify({ a: '\\'.repeat(3), b: `\\"${'['.repeat(200)}` }))).toBeNull();
  });

  it('allows exactly 100 levels and 10,000 values', () => {
    expect(excess('['.repeat(100) + ']'.repeat(100))).toBeNull();
    expect(excess('['.repeat(101))).toMatch(/100 levels/);
    expect(excess(`[${'1,'.repeat(9_999)}1]`)).toBeNull();
    expect(excess(`[${'1,'.repeat(10_000)}1]`)).toMatch(/10000 values/);
    expect(excess(`[${'[1],'.repeat(5_001)}1]`)).toMatch(/10000 values/);
    expect(excess(`[${'{},'.repeat(9_000)}{}]`)).toBeNull();
  });

  it('leaves unfinished text to the parser', () => {
    for (const text of ['', '"', '"\\', '{"a', ']]]]']) expect(excess(text)).toBeNull();
  });
});
