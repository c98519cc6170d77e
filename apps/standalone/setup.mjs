#!/usr/bin/env node
// Everything between a fresh clone and a running command: `npm start`, `npm test`, `npm run build` and the like come through here.
// Plain Node without dependencies: it runs before there are any. Each step is skipped while its inputs are unchanged.
import { readFileSync } from 'node:fs';
import { BENCHES, CLI_COMMANDS, helpOf } from './setup/cli-commands.mjs';
import { checkNodeVersion } from './setup/node-version.mjs';

checkNodeVersion();
const COMMANDS = ['start', 'test', 'build', 'migrate', 'setup', 'test:faults', ...CLI_COMMANDS, ...BENCHES];
const [command, ...args] = process.argv.slice(2);

if (!COMMANDS.includes(command)) {
  console.error(`usage: node apps/standalone/setup.mjs <${COMMANDS.join('|')}> [--help]`);
  process.exit(1);
}
// Help must not cost a set-up. Jest has a help of its own, with everything that can follow `npm test --`.
if (args.includes('--help') || args.includes('-h')) {
  process.stdout.write(readFileSync(helpOf(command), 'utf8'));
  process.exit(0);
}
// After the check of Node's version: what these import may not exist in an old one.
const { setUp } = await import('./setup/set-up.mjs');
const { runCommand } = await import('./setup/run-command.mjs');
await setUp();
await runCommand(command, args);
