import { inRoot } from './paths.mjs';

/** Commands of apps/cli, whose main takes them under these names. */
export const CLI_COMMANDS = [
  'jobs',
  'keys:reencrypt',
  'prices:recompute',
  'prices:refresh',
  'usage:rebuild-rollups',
  'usage:reconcile',
];

/** Measurements: `bench:<folder>` is bench/<folder>/main.mjs. */
export const BENCHES = ['bench:gateway', 'bench:usage'];
export const benchFolder = (command) => inRoot('bench', command.slice('bench:'.length));

/** Where a command's help stands. */
export function helpOf(command) {
  if (BENCHES.includes(command)) return `${benchFolder(command)}/help.txt`;
  const app = CLI_COMMANDS.includes(command) ? 'cli' : command === 'test:faults' ? 'faults' : 'standalone';
  return inRoot('apps', app, 'help', `${command.replace(':', '-')}.txt`);
}
