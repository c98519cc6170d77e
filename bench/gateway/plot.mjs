/** A bar for the rate of each side of each scenario, as an SVG. Scenarios have scales of their own. */
const BAR = 18;
const GAP = 6;
const LEFT = 210;
const WIDTH = 860;

const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

export function plotOf(results) {
  let y = 10;
  const parts = Object.entries(results).map(([name, { runs }]) => {
    const title = `<text x="10" y="${(y += 22)}" font-weight="bold">${escape(name)}: requests a second</text>`;
    y += 8;
    const largest = Math.max(...Object.values(runs).map((run) => run.rate));
    const bars = Object.entries(runs).map(([side, run]) => {
      const bar = barOf({ side, run, y, length: ((WIDTH - LEFT - 250) * run.rate) / largest });
      y += BAR + GAP;
      return bar;
    });
    return [title, ...bars].join('\n');
  });
  const size = `width="${WIDTH}" height="${y + 20}" viewBox="0 0 ${WIDTH} ${y + 20}"`;
  const page = `<rect width="100%" height="100%" fill="white"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12">\n${page}\n${parts.join('\n')}\n</svg>\n`;
}

function barOf({ side, run, y, length }) {
  const label = `<text x="${LEFT - 8}" y="${y + 13}" text-anchor="end">${escape(side)}</text>`;
  const bar = `<rect x="${LEFT}" y="${y}" width="${length.toFixed(1)}" height="${BAR}" fill="#4a7ebb"/>`;
  const figures = `${Math.round(run.rate)}, p50 ${run.p50.toFixed(1)} ms, p99 ${run.p99.toFixed(1)} ms`;
  return `${label}${bar}<text x="${LEFT + length + 6}" y="${y + 13}">${figures}</text>`;
}
