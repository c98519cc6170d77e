import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { tieToOurLife, type LastWill } from './lifeline.js';

const KEPT_LINES = 2_000;

export interface ChildOptions {
  command: string;
  args: readonly string[];
  /** The whole environment; ours when not given. */
  env?: Record<string, string | undefined>;
  cwd?: string;
  uid?: number;
  gid?: number;
  /** What ends it kindly. */
  stopSignal: 'SIGINT' | 'SIGTERM';
  /** How long a kind end may take before SIGKILL. */
  stopWithinMs: number;
  /** When this process dies without having stopped the child: deleted after the child's end. */
  removeDir?: string;
  /** When this process dies: the child's clients get this long to end before it. Default 0. */
  lingerSeconds?: number;
  onLine?: ((line: string) => void) | undefined;
}

/** How a process ended: its exit code, or the signal that killed it. */
export interface ExitStatus {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Child {
  readonly pid: number;
  /** The latest lines of standard output and standard error, oldest first. */
  readonly lines: readonly string[];
  readonly exited: Promise<ExitStatus>;
  /** The first line that matches, among those there are and those to come; undefined when the process ends without one. */
  firstLine(matches: (line: string) => boolean): Promise<string | undefined>;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Ends it kindly, then by force. Resolves when it is gone; safe to call twice. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/**
 * A child process that cannot outlive us, whose output is read line by line, and that the terminal's Ctrl-C does not reach:
 * the order in which things end is ours.
 * @throws Error when the command cannot be started.
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { command, args, env, cwd, uid, gid } = options;
  const spawned = spawn(command, args, { env, cwd, uid, gid, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  await once(spawned, 'spawn');
  const pid = spawned.pid as number;
  const lifeline = tieToOurLife(pid, lastWill(options));
  const output = new EventEmitter<{ line: [string] }>().setMaxListeners(0);
  if (options.onLine) output.on('line', options.onLine);
  const lines = collectLines(spawned, (line) => output.emit('line', line));
  // 'close' and not 'exit': the last lines are in by then.
  const exited = new Promise<ExitStatus>((resolve) => spawned.once('close', (code, signal) => resolve({ code, signal })));
  spawned.once('exit', () => lifeline.release());

  let stopping: Promise<void> | undefined;
  const kill = (signal: NodeJS.Signals): void => void spawned.kill(signal);
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    kill(signal);
    const force = setTimeout(kill, options.stopWithinMs, 'SIGKILL');
    await exited;
    clearTimeout(force);
  };
  return {
    pid,
    lines,
    exited,
    kill,
    stop: (signal = options.stopSignal) => (stopping ??= stop(signal)),
    firstLine: (matches) => waitForLine(lines, output, exited, matches),
  };
}

function lastWill({ stopSignal, removeDir, lingerSeconds = 0 }: ChildOptions): LastWill {
  // Who is stopped by SIGINT is PostgreSQL, whose SIGQUIT is the crash it recovers from; its SIGKILL would leave processes behind.
  if (stopSignal === 'SIGINT') return { signal: 'INT', force: 'QUIT', lingerSeconds, removeDir };
  return { signal: 'TERM', force: 'KILL', lingerSeconds, removeDir };
}

function collectLines(child: ChildProcessByStdio<null, Readable, Readable>, emit: (line: string) => void): string[] {
  const lines: string[] = [];
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input, crlfDelay: Infinity }).on('line', (line) => {
      lines.push(line);
      if (lines.length > KEPT_LINES) lines.shift();
      emit(line);
    });
  }
  return lines;
}

function waitForLine(
  lines: readonly string[],
  output: EventEmitter<{ line: [string] }>,
  exited: Promise<unknown>,
  matches: (line: string) => boolean,
) {
  const there = lines.find(matches);
  if (there !== undefined) return Promise.resolve(there);
  return new Promise<string | undefined>((resolve) => {
    const look = (line: string): void => {
      if (matches(line)) settle(line);
    };
    const settle = (line: string | undefined): void => {
      output.off('line', look);
      resolve(line);
    };
    output.on('line', look);
    void exited.then(() => settle(undefined));
  });
}
