/** Looks at JSON text before it is parsed: a megabyte of brackets or commas makes parser and validator work for seconds. */

const MAX_DEPTH = 100;
/** Above the largest request that the contract allows (1,000 messages and a schema of 5,000 values). */
const MAX_VALUES = 10_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;

/** @param json UTF-8. @returns what there is too much of, or null. One pass, nothing allocated; malformed JSON is left to the parser. */
export function jsonExcess(json: Buffer): string | null {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (byte === QUOTE) {
      at = endOfString(json, at);
    } else if (byte === 0x5b || byte === 0x7b) {
      values++;
      if (++depth > MAX_DEPTH) return `the body must be at most ${MAX_DEPTH} levels deep`;
    } else if (byte === 0x5d || byte === 0x7d) {
      depth--;
      // Something has as many values as commas, and one; nothing has none.
      const before = json[at - 1];
      if (before === 0x5b || before === 0x7b) values--;
    } else if (byte === COMMA) {
      values++;
    }
    if (values > MAX_VALUES) return `the body must have at most ${MAX_VALUES} values`;
  }
  return null;
}

/** @returns where the quote that ends the string is, or the end of the text. */
function endOfString(json: Buffer, start: number): number {
  for (let quote = json.indexOf(QUOTE, start + 1); quote !== -1; quote = json.indexOf(QUOTE, quote + 1)) {
    let backslashes = 0;
    while (json[quote - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote;
  }
  return json.length;
}
