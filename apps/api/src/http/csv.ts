/** CSV as RFC 4180 has it, safe to open in a spreadsheet. */

export type CsvValue = string | number | boolean | Date | null;

/** How a spreadsheet knows a formula, full-width forms included, also behind spaces. https://owasp.org/www-community/attacks/CSV_Injection */
const FORMULA = /^\s*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^[\t\r\n]/;
/** Behind what other sheets take for the end of a cell: some languages separate cells by semicolons, and open our files so. */
const FORMULA_INSIDE = /([;\t\r\n])(?<!^\s+)(?=[\s"]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20])/g;
const PLAIN_NUMBER = /^-?\d+(\.\d+)?$/;
const NEEDS_QUOTES = /[",\r\n]|^\s|\s$/;

/** One line with its end. null is an empty cell; text that a spreadsheet would run as a formula gets an apostrophe before it. */
export const csvLine = (values: readonly CsvValue[]): string => `${values.map(cell).join(',')}\r\n`;

function cell(value: CsvValue): string {
  if (value === null) return '';
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'string') return String(value);
  // A negative number is no formula, and finance would not want it as text.
  const inside = value.replaceAll(FORMULA_INSIDE, "$1'");
  const text = FORMULA.test(value) && !PLAIN_NUMBER.test(value) ? `'${inside}` : inside;
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
