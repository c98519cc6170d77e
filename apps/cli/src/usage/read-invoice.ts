import { readFile, stat } from 'node:fs/promises';
import { OperatorError } from '../command.js';
import { parseCsv } from './csv.js';
import { FORMATS } from './invoice-formats.js';
import { InvoiceRow, type InvoiceLine } from './invoice-line.js';

export interface Invoice {
  /** The name of its format. */
  format: string;
  lines: InvoiceLine[];
}

/** @throws OperatorError where it cannot be read, is of no known kind, or a value is not what its column promises. */
export async function readInvoice(file: string): Promise<Invoice> {
  const text = await read(file).catch((error: unknown) => {
    throw new OperatorError(`cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  });
  try {
    return parseInvoice(text);
  } catch (error) {
    throw new OperatorError(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** A year of any account, by day and model, is a hundredth of it; a file that fills the memory would end in a stack trace. */
const MAX_BYTES = 268_435_456;

async function read(file: string): Promise<string> {
  const { size } = await stat(file);
  if (size > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES / 1_048_576} MiB: is it an invoice?`);
  return readFile(file, 'utf8');
}

export function parseInvoice(text: string): Invoice {
  const [header, ...records] = parseCsv(text);
  const columns = header?.cells.map((cell) => cell.trim().toLowerCase()) ?? [];
  const format = FORMATS.find((one) => one.columns.every((column) => columns.includes(column)));
  if (!format) throw new OperatorError(unknownColumns(columns));
  const lines = records.flatMap(({ line, cells }) => {
    try {
      // A row cut short would read as zeros.
      if (cells.length !== columns.length) throw new Error(`${cells.length} values for ${columns.length} columns`);
      return format.read(new InvoiceRow(new Map(columns.map((column, index) => [column, cells[index] ?? ''])))) ?? [];
    } catch (error) {
      throw new OperatorError(`line ${line}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  });
  if (lines.length === 0) throw new OperatorError(`a file of ${format.name} without any usage in it`);
  return { format: format.name, lines };
}

function unknownColumns(columns: string[]): string {
  const known = FORMATS.map(({ name, columns: needed }) => `  ${name}: ${needed.join(', ')}`).join('\n');
  return `its columns are of no kind that is known: ${columns.join(', ').slice(0, 300) || 'none'}\nKnown are files with at least\n${known}`;
}
