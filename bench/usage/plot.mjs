/** p50 and p95 of each kind of read, a pair of bars for each size, beside its target: an SVG that needs nothing. */

const ROW = 46;
const LEFT = 230;
const RIGHT = 40;
const WIDTH = 900;
const COLOURS = ['#7aa6c2', '#1f5a7a'];

export function plot(reads) {
  const kinds = reads[0].lines;
  const longest = Math.max(...reads.flatMap(({ lines }) => lines.flatMap(({ p95, target }) => [p95, target]))) * 1.05;
  const x = (ms) => LEFT + (ms / longest) * (WIDTH - LEFT - RIGHT);
  const height = 70 + kinds.length * ROW;
  const bars = kinds.flatMap(({ what, target }, index) => {
    const top = 60 + index * ROW;
    const bar = 26 / reads.length;
    return [
      `<text x="${LEFT - 10}" y="${top + 18}" text-anchor="end">${what}</text>`,
      ...reads.flatMap(({ lines }, at) => {
        const { p50, p95 } = lines[index];
        const y = top + 2 + at * bar;
        const colour = COLOURS[at % COLOURS.length];
        return [
          `<rect x="${LEFT}" y="${y}" width="${x(p95) - LEFT}" height="${bar - 2}" fill="${colour}" opacity="0.45"/>`,
          `<rect x="${LEFT}" y="${y}" width="${x(p50) - LEFT}" height="${bar - 2}" fill="${colour}"/>`,
          `<text x="${x(p95) + 4}" y="${y + bar - 4}" font-size="10">${p95.toFixed(1)}</text>`,
        ];
      }),
      `<line x1="${x(target)}" x2="${x(target)}" y1="${top - 2}" y2="${top + 30}" stroke="#b03030" stroke-width="2"/>`,
    ];
  });
  const legend = reads
    .map(({ rows }, at) => `<tspan fill="${COLOURS[at % COLOURS.length]}">■</tspan> ${rows.toLocaleString('en-US')} requests`)
    .join('   ');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<rect width="${WIDTH}" height="${height}" fill="white"/>
<text x="${LEFT}" y="20" font-size="14">Usage reads over HTTP, ms: p50 dark, p95 light, target red</text>
<text x="${LEFT}" y="40">${legend}</text>
${bars.join('\n')}
</svg>
`;
}
