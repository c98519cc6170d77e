import { inRoot } from './paths.mjs';

/** Commands of apps/cli, whose main takes them under these names. */
export const CLI_COMMANDS = ['prices:recompute', 'prices:refresh', 'usage:rebuild-rollups', 'usage:reconcile'];

/** Where a command's help stands. */
export function helpOf(command) {
  const app = CLI_COMMANDS.includes(command) ? 'cli' : 'standalone';
  return inRoot('apps', app, 'help', `${command.replace(':', '-')}.txt`);
}
