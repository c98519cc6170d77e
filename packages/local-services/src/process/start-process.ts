import { setTimeout as sleep } from 'node:timers/promises';
import { startChild, type Child, type ExitStatus } from './child.js';

export interface ProcessOptions {
  /** For error messages. */
  name: string;
  /** A script for this Node, such as `apps/api/dist/main.js`. */
  entry: string;
  args?: readonly string[];
  /** Node's own arguments, before the script. */
  nodeArgs?: readonly string[];
  /** The whole environment; nothing is inherited. */
  env: Record<string, string | undefined>;
  /** The line that says the process is ready; of a JSON line, `port` is taken over. Default: `msg` is "listening" or "ready". */
  readyLine?: RegExp;
  readyWithinMs?: number;
  /** How long a drain may take before SIGKILL. Default 35 s. */
  stopWithinMs?: number;
  onLine?: (line: string) => void;
}

/** One of our processes, ready. */
export interface ChildHandle {
  readonly name: string;
  readonly pid: number;
  /** From the ready line; undefined for a process without a port. */
  readonly port: number | undefined;
  /** The latest lines of output, oldest first. */
  readonly lines: readonly string[];
  readonly exited: Promise<ExitStatus>;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL when the drain takes too long. */
  stop(): Promise<ExitStatus>;
}

const READY = /"msg":"(listening|ready)"/;

/**
 * Runs a Node script of ours as a child process and waits until it says that it is ready. It gets SIGTERM when we die, however that is.
 * @throws Error with the child's last lines when it ends, or stays silent too long, before being ready.
 */
export async function startProcess(options: ProcessOptions): Promise<ChildHandle> {
  const { name, entry, args = [], nodeArgs = [], env, readyLine = READY, readyWithinMs = 30_000 } = options;
  const child = await startChild({
    command: process.execPath,
    args: [...nodeArgs, entry, ...args],
    env,
    stopSignal: 'SIGTERM',
    stopWithinMs: options.stopWithinMs ?? 35_000,
    onLine: options.onLine,
  });
  const ready = await Promise.race([child.firstLine((line) => readyLine.test(line)), patience(readyWithinMs)]);
  if (typeof ready !== 'string') throw new Error(await lastWords(name, child, ready));
  const stop = async (): Promise<ExitStatus> => {
    await child.stop();
    return child.exited;
  };
  return { name, pid: child.pid, port: portIn(ready), lines: child.lines, exited: child.exited, kill: child.kill, stop };
}

/** Nobody's child for ever: what is not ready by then is hung. Does not keep this process alive. */
const patience = (ms: number): Promise<TooLate> => sleep(ms, { withinMs: ms }, { ref: false });

interface TooLate {
  withinMs: number;
}

async function lastWords(name: string, child: Child, late: TooLate | undefined): Promise<string> {
  if (late) child.kill('SIGKILL');
  const { code, signal } = await child.exited;
  const problem = late
    ? `was not ready within ${late.withinMs} ms`
    : `ended before it was ready (${signal ?? `exit code ${code}`})`;
  return `${name} ${problem}:\n${child.lines.slice(-10).join('\n')}`;
}

function portIn(line: string): number | undefined {
  const found = /"port":(\d+)/.exec(line);
  return found ? Number(found[1]) : undefined;
}
