import { usdToNano, type NanoUsd } from '@llm-gateway/shared';

/** What a vendor says about one model on one day; null: this kind of file does not tell. */
export interface InvoiceLine {
  /** UTC, `2026-11-01`. */
  day: string;
  model: string;
  inputTokens: number | null;
  outputTokens: number | null;
  costNanoUsd: NanoUsd | null;
  /** How far the file's rounding can have moved the cost. */
  roundingNanoUsd: NanoUsd;
}

const MOMENT = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/;

/** One row of a file, by the names of its columns. Its errors name the column; the reader adds file and line. */
export class InvoiceRow {
  constructor(private readonly cells: ReadonlyMap<string, string>) {}

  text(column: string): string {
    return this.cells.get(column)?.trim() ?? '';
  }

  isEmpty(...columns: string[]): boolean {
    return columns.every((column) => this.text(column) === '');
  }

  /** A whole number, 0 where nothing stands. Several columns are added. */
  tokens(...columns: string[]): number {
    return columns.reduce((sum, column) => {
      const value = this.number(column, 'a number of tokens');
      if (!Number.isSafeInteger(value) || value < 0) throw this.fault(column, 'a number of tokens');
      return sum + value;
    }, 0);
  }

  /** USD; negative for a credit. */
  cost(column: string): NanoUsd {
    return usdToNano(this.number(column, 'an amount in USD'));
  }

  /** A day, or the day of a moment, in UTC. A moment without a zone is UTC: vendors export nothing else. */
  day(column: string): string {
    const [, day = '', time, zone = 'Z'] = MOMENT.exec(this.text(column)) ?? [];
    const midnight = new Date(day);
    // Date rolls the 30th of February over to March: a real day reads back as it was written.
    const isDay = !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day);
    const moment = time === undefined ? midnight : new Date(`${day}T${time}${zone}`);
    if (!isDay || Number.isNaN(moment.getTime())) throw this.fault(column, 'a day');
    return moment.toISOString().slice(0, 10);
  }

  private number(column: string, kind: string): number {
    const text = this.text(column);
    if (text === '') return 0;
    if (!/^-?\d+(\.\d*)?(e[+-]?\d+)?$/i.test(text)) throw this.fault(column, kind);
    return Number(text);
  }

  fault(column: string, expected: string): Error {
    return new Error(`column ${column}: "${this.text(column).slice(0, 40)}" is not ${expected}`);
  }
}
