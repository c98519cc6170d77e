import { readFileSync } from 'node:fs';
import { inRoot } from './paths.mjs';
import { runTool } from './run-tool.mjs';

const label = 'installing dependencies';

/** `npm ci`, unless node_modules already is what the lockfile says, by whoever's hand. */
export const dependencies = {
  label,
  isDone() {
    const wanted = readPackages('package-lock.json');
    // npm writes this one last: an install that was interrupted has none.
    const installed = readPackages('node_modules/.package-lock.json');
    return wanted !== null && installed !== null && wanted.every((entry) => isInstalled(entry, new Map(installed)));
  },
  run() {
    // The npm that runs us, where one does; dev dependencies even under NODE_ENV=production: the compiler is one.
    const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
    return runTool(label, [...npm, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']);
  },
};

function isInstalled([path, { version, link, optional }], installed) {
  if (link || !path.includes('node_modules/')) return true;
  // A workspace's own folder goes and comes without npm's record of the root's.
  const there = path.startsWith('node_modules/') ? installed.get(path) : readJson(`${path}/package.json`);
  // An optional package is for some platforms only.
  return there ? there.version === version : optional === true;
}

function readPackages(file) {
  const packages = readJson(file)?.packages;
  return packages ? Object.entries(packages) : null;
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(inRoot(file), 'utf8'));
  } catch {
    return null;
  }
}
