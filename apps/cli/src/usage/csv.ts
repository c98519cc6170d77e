import { OperatorError } from '../command.js';

export interface CsvRecord {
  /** Where it begins in the file, from 1. */
  line: number;
  cells: string[];
}

// A cell in quotes, in which a quote is doubled, or one without; then what ends it.
const CELL = /(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\r\n|\n|\r|$)/y;

/**
 * RFC 4180, as vendors and spreadsheets write it: quotes, line breaks in quotes, a byte order mark, either kind of line end. Empty lines
 * are skipped. @throws OperatorError where a quote stands or is missing in the wrong place.
 */
export function parseCsv(text: string): CsvRecord[] {
  const records: CsvRecord[] = [];
  let line = 1;
  let record: CsvRecord = { line, cells: [] };
  CELL.lastIndex = text.startsWith('\uFEFF') ? 1 : 0;
  while (CELL.lastIndex < text.length || record.cells.length > 0) {
    const [whole, quoted, plain = '', end] = CELL.exec(text) ?? [];
    if (whole === undefined) throw new OperatorError(`line ${line}: a quote stands where none may, or one is missing`);
    line += whole.match(/\r\n|\n|\r/g)?.length ?? 0;
    record.cells.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === ',') continue;
    if (record.cells.length > 1 || record.cells[0] !== '') records.push(record);
    record = { line, cells: [] };
  }
  return records;
}
