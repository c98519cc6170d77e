/** The results as text. */
const number = (value, digits = 0) => (value == null || Number.isNaN(value) ? '-' : value.toFixed(digits));
const byProcess = (values, digits) =>
  values
    ? Object.entries(values)
        .map(([name, value]) => `${name} ${number(value, digits)}`)
        .join(', ')
    : '-';

export function runsTable(title, runs) {
  const rows = Object.entries(runs).map(([name, run]) => [
    name,
    number(run.rate),
    ...[run.p50, run.p95, run.p99].map((ms) => number(ms, 2)),
    byProcess(run.cpuMs, 3),
    byProcess(run.residentMb),
  ]);
  return table([[title, 'per s', 'p50 ms', 'p95', 'p99', 'CPU ms per request', 'MB'], ...rows]);
}

export const ratiosTable = (ratios) =>
  table([
    ['ratio', 'value', 'target', ''],
    ...ratios.map(({ name, value, target, ok }) => [name, String(value), target, ok ? 'ok' : 'FAILED']),
  ]);

/** What calls waited for their limits at several loads, beside a PING in the same moments. */
export function waitsTable(waits, limitMs) {
  const of = ({ p50, p95, p99 }, digits) => [p50, p95, p99].map((ms) => number(ms, digits));
  const rows = Object.entries(waits).map(([load, { rate, below, ping, ...wait }]) => [
    ...[load, number(rate), ...of(wait), `${number(below * 100, 1)} %`, ...of(ping, 1)],
  ]);
  const ping = ['PING p50', 'p95', 'p99'];
  return table([['limit check at', 'per s', 'p50 ms', 'p95', 'p99', `below ${limitMs} ms`, ...ping], ...rows]);
}

function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
