import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BENCHES, benchFolder, CLI_COMMANDS } from './cli-commands.mjs';
import { inRoot, ROOT } from './paths.mjs';
import { runningGateway } from './running-gateway.mjs';

/** What each command does once the checkout is set up. */
export async function runCommand(command, args) {
  if (command === 'start') return runHere('apps/standalone/dist/main.js', args);
  if (command === 'migrate') return runHere('apps/standalone/dist/migrate.js', args);
  if (CLI_COMMANDS.includes(command)) {
    Object.assign(process.env, runningGateway(process.env));
    return runHere('apps/cli/dist/main.js', [command, ...args]);
  }
  if (BENCHES.includes(command)) return runHere(join(benchFolder(command), 'main.mjs'), args);
  if (command === 'test:faults') return runHere('apps/faults/dist/main.js', args);
  if (command === 'test') return runJest(args);
  console.error('ready');
}

/** In this process, so that Ctrl-C and other signals reach one process only. @param script its path; from the root unless absolute. */
async function runHere(script, args) {
  const path = resolve(ROOT, script);
  process.argv = [process.execPath, path, ...args];
  await import(pathToFileURL(path).href);
}

async function runJest(args) {
  // Some SDKs are ESM only, which Jest runs in Node's experimental VM modules; the warning would repeat for each worker.
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const child = spawn(
    process.execPath,
    [...flags, inRoot('node_modules/jest/bin/jest.js'), '-c', '.config/jest.config.js', ...args],
    {
      cwd: ROOT,
      stdio: 'inherit',
    },
  );
  // The terminal's Ctrl-C reaches Jest by itself; we only wait for its end.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('close', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
}
