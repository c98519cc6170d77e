/** Rows as text for a terminal. Numbers come as text already: columns named in `right` line up at their ends. */
export function table(header: readonly string[], rows: readonly (readonly string[])[], right: ReadonlySet<number>): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (right.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [header, ...rows].map(line).join('\n');
}

export const count = (value: number): string => value.toLocaleString('en-US');

/** USD with as many decimals as the database holds at most, and two at least. */
export const usd = (value: number): string =>
  value.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 9 });

/** @param share of 1; null where there is nothing to compare with. */
export const percent = (share: number | null): string =>
  share === null ? 'new' : `${share > 0 ? '+' : ''}${(share * 100).toFixed(1)} %`;
