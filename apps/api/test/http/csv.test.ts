import { describe, expect, it } from '@jest/globals';
import { csvLine } from '../../src/http/csv.js';

describe('a line of CSV', () => {
  it('quotes what RFC 4180 says must be quoted, and ends as it says', () => {
    expect(csvLine(['a', 'b,c', 'say "hi"', 'two\r\nlines', ''])).toBe('a,"b,c","say ""hi""","two\r\nlines",\r\n');
  });

  it('leaves null empty, and writes numbers, booleans and times plainly', () => {
    expect(csvLine([null, -1.5, true, new Date(0), '-0.000000001'])).toBe(',-1.5,true,1970-01-01T00:00:00.000Z,-0.000000001\r\n');
  });

  it.each([
    ['=1+1', "'=1+1"],
    ['+1+cmd', "'+1+cmd"],
    ['-2+3', "'-2+3"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\uFF1D1+1', "'\uFF1D1+1"],
    ['  =1', "'  =1"],
    ['\t=1', "'\t=1"],
    ['\r=1', `"'\r=1"`],
    ['=HYPERLINK("http://x","y")', `"'=HYPERLINK(""http://x"",""y"")"`],
    // A sheet whose language separates cells by semicolons reads our one cell as several.
    ['x;=1+1;', "x;'=1+1;"],
    ['x; @SUM(A1)', "x;' @SUM(A1)"],
    ['x;"=1+1"', `"x;'""=1+1"""`],
    ['x\t-2+3', "x\t'-2+3"],
    ['a\n=1', `"a\n'=1"`],
    ['a;b=1;c', 'a;b=1;c'],
    ['a=1', 'a=1'],
  ])('keeps %j from being run as a formula', (text, line) => {
    expect(csvLine([text])).toBe(`${line}\r\n`);
  });
});
