/** CPU time and memory of processes, from /proc. Elsewhere than on Linux there are none. */
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

const read = (pid, file) => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
};

/** Fields after the name, which may hold spaces: state, ppid, … */
const statOf = (pid) => read(pid, 'stat').split(') ').at(-1).split(' ');

/** Ticks in user and system mode; also those of children that have ended, for PostgreSQL works in children. */
const ticksOf = (pid) =>
  statOf(pid)
    .slice(11, 15)
    .reduce((total, ticks) => total + Number(ticks), 0);

function withChildren(pid) {
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && statOf(name)[1] === String(pid));
  return [pid, ...children];
}

/** @param processes name → pids. @param except a child that does not count. @returns name → CPU seconds so far; undefined where there is no /proc. */
export function cpuSeconds(processes, except) {
  if (process.platform !== 'linux') return undefined;
  const counted = (pids) => pids.flatMap(withChildren).filter((pid) => Number(pid) !== except);
  const sum = (pids) => counted(pids).reduce((total, pid) => total + ticksOf(pid) / TICKS_PER_SECOND, 0);
  return Object.fromEntries(Object.entries(processes).map(([name, pids]) => [name, sum(pids)]));
}

/** @returns name → resident MB of its largest process; nothing where there is no /proc. */
export function residentMb(processes) {
  if (process.platform !== 'linux') return {};
  const of = (pid) => Number(/VmRSS:\s+(\d+)/.exec(read(pid, 'status'))?.[1] ?? 0) / 1_024;
  return Object.fromEntries(Object.entries(processes).map(([name, pids]) => [name, Math.max(0, ...pids.map(of))]));
}
