/** V8's CPU profiles as flame graphs: width is time, the callers stand below. One SVG a profile, names as tooltips. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const WIDTH = 1_600;
const ROW = 16;
/** Narrower than this is not drawn. */
const THINNEST = 0.5;
const NO_WORK = new Set(['(idle)', '(program)']);

/** @param since epoch ms: earlier runs have theirs. @returns the SVGs, beside their profiles. */
export function flameGraphs(dir, since) {
  const profiles = readdirSync(dir).filter((name) => name.endsWith('.cpuprofile') && statSync(join(dir, name)).mtimeMs >= since);
  return profiles.map((name) => {
    const file = join(dir, name.replace('.cpuprofile', '.svg'));
    writeFileSync(file, flameGraphOf(JSON.parse(readFileSync(join(dir, name), 'utf8'))));
    return file;
  });
}

export function flameGraphOf({ nodes, samples, timeDeltas }) {
  const byId = new Map(nodes.map((node) => [node.id, { node, microseconds: 0 }]));
  samples.forEach((id, index) => (byId.get(id).microseconds += timeDeltas[index]));
  const root = merged('all', [byId.get(nodes[0].id)], byId);
  const rows = [];
  draw(root, { x: 0, depth: 0, perMicrosecond: WIDTH / root.microseconds }, rows);
  const height = (Math.max(...rows.map((row) => row.depth)) + 1) * ROW;
  const boxes = rows.map((row) => boxOf(row, height));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="10">\n${boxes.join('\n')}\n</svg>\n`;
}

/** Calls of the same function from the same caller as one. */
function merged(name, entries, byId) {
  const groups = new Map();
  for (const child of entries.flatMap(({ node }) => node.children ?? []).map((id) => byId.get(id))) {
    const label = labelOf(child.node.callFrame);
    if (!NO_WORK.has(label)) groups.set(label, [...(groups.get(label) ?? []), child]);
  }
  const children = [...groups].map(([label, members]) => merged(label, members, byId));
  const own = entries.reduce((sum, entry) => sum + entry.microseconds, 0);
  return { name, children, microseconds: children.reduce((sum, child) => sum + child.microseconds, own) };
}

function labelOf({ functionName, url, lineNumber }) {
  const file = url.replace(/^.*\/(node_modules|packages|apps)\//, '');
  return `${functionName || '(anonymous)'}${file ? ` ${file}:${lineNumber + 1}` : ''}`;
}

function draw(frame, { x, depth, perMicrosecond }, rows) {
  const width = frame.microseconds * perMicrosecond;
  if (width < THINNEST) return;
  rows.push({ name: frame.name, x, depth, width, milliseconds: frame.microseconds / 1_000 });
  let left = x;
  for (const child of frame.children.toSorted((a, b) => b.microseconds - a.microseconds)) {
    draw(child, { x: left, depth: depth + 1, perMicrosecond }, rows);
    left += child.microseconds * perMicrosecond;
  }
}

function boxOf({ name, x, depth, width, milliseconds }, height) {
  const text = name.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const y = height - (depth + 1) * ROW;
  const fits = Math.floor(width / 6);
  const label =
    fits > 3
      ? `<text x="${(x + 2).toFixed(1)}" y="${y + 11}">${name.slice(0, fits).replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`
      : '';
  const hue = name.includes('node_modules') || !name.includes('/') ? 45 : 15;
  const box = `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="hsl(${hue},80%,70%)"/>`;
  return `<g><title>${text}: ${milliseconds.toFixed(0)} ms</title>${box}${label}</g>`;
}
