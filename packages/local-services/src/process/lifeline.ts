import { spawn } from 'node:child_process';

// `read` waits for a line (released: go in peace) or for the end of the pipe (our process is gone, even by kill -9: end the service).
const WATCH = `
if read -r released; then exit 0; fi
kill -s "$2" "$1" 2>/dev/null
[ -n "$3" ] || exit 0
tries=0
while kill -0 "$1" 2>/dev/null && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
rm -rf -- "$3"
`;

export interface Lifeline {
  /** The service has ended, or is about to by our own hand: watch no longer. */
  release(): void;
}

/**
 * Ties a child to our life: when this process ends in whatever way, the child gets `signal`.
 * @param removeDir deleted after the child's end, for services whose data nobody wants.
 */
export function tieToOurLife(pid: number, signal: 'INT' | 'TERM', removeDir = ''): Lifeline {
  const watcher = spawn('/bin/sh', ['-c', WATCH, 'lifeline', String(pid), signal, removeDir], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true, // Ctrl-C in a terminal must not end the watcher before its work
  });
  watcher.on('error', () => undefined);
  watcher.stdin.on('error', () => undefined);
  watcher.unref();
  return { release: () => void watcher.stdin.end('released\n') };
}
