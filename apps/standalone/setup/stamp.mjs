import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inRoot } from './paths.mjs';

// In node_modules, so that removing that folder starts everything afresh.
const stampFile = (step) => inRoot('node_modules/.cache/llm-gateway', `${step}.stamp`);

/** SHA-256 over names and contents of files, this Node's major version (tools print different things) and extra words. */
export function fingerprint(files, ...words) {
  const hash = createHash('sha256').update(JSON.stringify([process.versions.node.split('.')[0], ...words]));
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(file));
  return hash.digest('hex');
}

export function isStamped(step, value) {
  try {
    return readFileSync(stampFile(step), 'utf8') === value;
  } catch {
    return false;
  }
}

export function stamp(step, value) {
  mkdirSync(dirname(stampFile(step)), { recursive: true });
  writeFileSync(stampFile(step), value);
}

/** Every file below a folder whose name ends in `suffix`, in a fixed order; none where the folder is missing. */
export function filesBelow(folder, suffix) {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(suffix))
    .map((name) => join(folder, name))
    .sort();
}
