import { spawn } from 'node:child_process';
import { ROOT } from './paths.mjs';

/**
 * Runs a program quietly from the root of the checkout.
 * @throws Error with all that it printed, when it fails.
 */
export async function runTool(label, [command, ...args], env = {}) {
  const child = spawn(command, args, { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const code = await new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new Error(`${label}: cannot run ${command}: ${error.message}`)));
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`${label} failed:\n${output.trim()}`);
}
