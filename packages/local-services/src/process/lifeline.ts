import { spawn } from 'node:child_process';

/** What happens to a child when this process is gone without having stopped it. */
export interface LastWill {
  /** Signal names without SIG. */
  signal: 'INT' | 'TERM';
  /** For a child that has not ended ten seconds later. */
  force: 'QUIT' | 'KILL';
  /** Seconds to wait before the signal, for a service whose clients are to end before it. */
  lingerSeconds: number;
  /** Deleted after the child's end, where nobody wants its data. */
  removeDir?: string | undefined;
}

export interface Lifeline {
  /** The child has ended: watch no longer. */
  release(): void;
}

// `read` waits for a line (released: go in peace) or for the end of the pipe (our process is gone, even by kill -9: carry out the will).
const WATCH = `
pid=$1 signal=$2 force=$3 linger=$4 dir=$5
if read -r released; then exit 0; fi
alive() { kill -0 "$pid" 2>/dev/null; }
sleep "$linger"
alive && kill -s "$signal" "$pid"
tries=0
while alive && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
alive && kill -s "$force" "$pid"
[ -z "$dir" ] || rm -rf -- "$dir"
`;

/** Ties a child to our life: when this process ends in whatever way, the last will is carried out. */
export function tieToOurLife(pid: number, will: LastWill): Lifeline {
  const args = [String(pid), will.signal, will.force, String(will.lingerSeconds), will.removeDir ?? ''];
  const watcher = spawn('/bin/sh', ['-c', WATCH, 'lifeline', ...args], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true, // Ctrl-C in a terminal must not end the watcher before its work
  });
  watcher.on('error', () => undefined);
  watcher.stdin.on('error', () => undefined);
  watcher.unref();
  return { release: () => void watcher.stdin.end('released\n') };
}
