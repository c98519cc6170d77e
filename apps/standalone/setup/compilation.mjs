import { existsSync, readdirSync } from 'node:fs';
import { inRoot } from './paths.mjs';
import { runTool } from './run-tool.mjs';
import { filesBelow, fingerprint, isStamped, stamp } from './stamp.mjs';

const label = 'compiling';

/** `tsc -b`. Its own check for changes takes seconds; ours, over the same files, milliseconds. */
export const compilation = {
  label,
  isDone: () =>
    existsSync(inRoot('node_modules/typescript/package.json')) &&
    workspaces().every((folder) => existsSync(inRoot(folder, 'dist/index.js')) || existsSync(inRoot(folder, 'dist/main.js'))) &&
    isStamped('compilation', inputs()),
  async run() {
    const compiled = inputs(); // read first: what changes meanwhile is compiled the next time
    await runTool(label, [process.execPath, 'node_modules/typescript/bin/tsc', '-b']);
    stamp('compilation', compiled);
  },
};

function inputs() {
  const sources = workspaces().flatMap((folder) => [
    ...filesBelow(inRoot(folder, 'src'), '.ts'),
    inRoot(folder, 'tsconfig.json'),
  ]);
  return fingerprint([inRoot('tsconfig.json'), inRoot('package-lock.json'), ...sources]);
}

function workspaces() {
  return ['packages', 'apps']
    .flatMap((group) => readdirSync(inRoot(group)).map((name) => `${group}/${name}`))
    .filter((folder) => existsSync(inRoot(folder, 'tsconfig.json')));
}
