/** The figures beside their targets, in words. */

/** Between two sizes of which one is at most ten times the other. */
const GROWTH_TARGET = 2;

/** Below this a figure is the way over HTTP and the clock: ratios of such say nothing. */
const FLOOR_MS = 5;

const ms = (value) => value.toFixed(value < 1 ? 4 : 1);
const size = (rows) => (rows >= 1e6 ? `${rows / 1e6} M` : `${rows / 1e3} k`);

/** How a kind of read grows from one size to the next, by its median: a p95 of some milliseconds is mostly chance. */
export function growth(reads) {
  return reads.slice(1).flatMap(({ rows, lines }, index) => {
    const smaller = reads[index];
    return lines.map(({ what, p50 }, at) => ({
      what,
      from: smaller.rows,
      to: rows,
      factor: Math.max(p50, FLOOR_MS) / Math.max(smaller.lines[at].p50, FLOOR_MS),
    }));
  });
}

/** @returns a sentence for each target that is not met. */
export function misses({ reads, writer, export: exports, price }) {
  return [
    ...reads.flatMap(({ rows, lines }) =>
      lines
        .filter(({ p95, target }) => !(p95 < target))
        .map(({ what, p95, target }) => `${what} over ${size(rows)}: ${ms(p95)} ms at p95, target ${target}`),
    ),
    ...growth(reads)
      .filter(({ factor }) => !(factor <= GROWTH_TARGET))
      .map(
        ({ what, from, to, factor }) =>
          `${what}: ${factor.toFixed(1)} times slower over ${size(to)} than over ${size(from)}, target ${GROWTH_TARGET}`,
      ),
    // Two workers are what two cores are for; one alone is shown for comparison.
    ...writer
      .slice(-1)
      .filter(({ a_second, target }) => !(a_second >= target))
      .map(({ what, a_second, target }) => `${what}: ${Math.round(a_second)} requests a second, target ${target}`),
    ...writer.flatMap(({ what, wrong }) => wrong.map((sentence) => `${what}: ${sentence}`)),
    ...exports
      .filter(({ peak_rss_mb, target }) => !(peak_rss_mb < target))
      .map(({ what, peak_rss_mb, target }) => `${what}: ${Math.round(peak_rss_mb)} MB, target ${target}`),
    ...price
      .filter(({ p95, target }) => !(p95 < target))
      .map(({ what, p95, target }) => `${what}: ${ms(p95)} ms at p95, target ${target}`),
  ];
}

export function summaryTable({ reads, writer, export: exports, price }) {
  const lines = [];
  const times = growth(reads);
  for (const [index, { what, target }] of (reads[0]?.lines ?? []).entries()) {
    const cells = reads.map(({ rows, lines: of }) => `${size(rows)}: ${ms(of[index].p50)} / ${ms(of[index].p95)}`);
    const factors = times.filter((one) => one.what === what).map(({ factor }) => `×${factor.toFixed(1)}`);
    lines.push([
      what,
      [...cells, ...factors].join('   '),
      `< ${target} ms at p95`,
      reads.every(({ lines: of }) => of[index].p95 < target),
    ]);
  }
  for (const { what, a_second, rows_a_second, target, wrong } of writer)
    lines.push([
      what,
      `${Math.round(a_second)} requests, ${Math.round(rows_a_second)} rows a second`,
      `>= ${target} requests`,
      a_second >= target && wrong.length === 0,
    ]);
  for (const { what, rows, peak_rss_mb, seconds, target } of exports)
    lines.push([
      what,
      `${rows} rows in ${Math.round(seconds)} s, ${Math.round(peak_rss_mb)} MB at most`,
      `< ${target} MB`,
      peak_rss_mb < target,
    ]);
  for (const { what, p50, p95, target } of price)
    lines.push([what, `${ms(p50)} / ${ms(p95)} ms`, `< ${target} ms at p95`, p95 < target]);
  const width = (column) => Math.max(...lines.map((line) => line[column].length));
  return lines
    .map(
      ([what, figure, target, met]) =>
        `${what.padEnd(width(0))}  ${figure.padEnd(width(1))}  ${target.padEnd(width(2))}  ${met ? 'met' : 'MISSED'}`,
    )
    .join('\n');
}
