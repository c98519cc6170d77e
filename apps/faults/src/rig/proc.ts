/** What Linux tells of a process from outside: its children, its memory, its open files, its connections. */
import { readdir, readFile, readlink } from 'node:fs/promises';

/** @returns a process and all that descend from it, parents first. */
export async function processTree(pid: number): Promise<number[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    // The name in field 2 may hold blanks; the parent is the second field behind it.
    const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const tree = [pid];
  for (const member of tree) for (const [child, parent] of parents) if (parent === member) tree.push(child);
  return tree;
}

/** Parents first, so that none replaces a child that has just been stopped. */
export async function signalTree(pid: number, signal: NodeJS.Signals): Promise<void> {
  for (const member of await processTree(pid)) signalIfThere(member, signal);
}

function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
/** @returns resident memory in bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024;
}

export const openFiles = async (pid: number): Promise<number> => (await readdir(`/proc/${pid}/fd`)).length;

/** @returns which of these processes holds the TCP connection with this local port. */
export async function ownerOfPort(port: number, pids: readonly number[]): Promise<number | undefined> {
  for (const pid of pids) if ((await localPorts(pid)).includes(port)) return pid;
  return undefined;
}

/** @returns the local ports of a process' TCP connections, to wherever they lead. */
export async function localPorts(pid: number): Promise<number[]> {
  return (await connections(pid)).map(({ local }) => local);
}

/** @returns the ports at both ends of a process' TCP sockets; 0 where nobody is at the other. */
export async function connections(pid: number): Promise<{ local: number; remote: number }[]> {
  const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const links = await Promise.all(files.map((file) => readlink(`/proc/${pid}/fd/${file}`).catch(() => '')));
  const own = new Set(links);
  const sockets = (await readFile('/proc/net/tcp', 'utf8')).split('\n').map((line) => line.trim().split(/\s+/));
  return sockets
    .filter((fields) => own.has(`socket:[${fields[9]}]`))
    .map(([, local = '', remote = '']) => ({ local: portOf(local), remote: portOf(remote) }));
}

/** @param address as in /proc/net/tcp, in hexadecimal digits. */
const portOf = (address: string): number => Number.parseInt(address.split(':')[1] ?? '', 16);
