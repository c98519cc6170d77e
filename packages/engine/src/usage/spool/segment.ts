/**
 * The spool's files. `<holder>.<number>.<writer>.jsonl`: who answers for the file now, and who wrote it. A file changes hands by being
 * renamed, which only one of several processes can do; `<holder>.alive` is touched for as long as its process lives.
 */
import { lstat, readdir, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface SegmentName {
  holder: string;
  number: number;
  writer: string;
}

const LOCK = 'take-over.lock';
const SEGMENT = /^([A-Za-z0-9-]+)\.(\d+)\.([A-Za-z0-9-]+)\.jsonl$/;

export const segmentFile = ({ holder, number, writer }: SegmentName): string => `${holder}.${number}.${writer}.jsonl`;
export const aliveFile = (holder: string): string => `${holder}.alive`;

/** Its default is in a folder where anybody may make one of its name first, and what is in it becomes rows. */
export async function refuseShared(directory: string): Promise<void> {
  const { uid, mode } = await lstat(directory);
  if (process.getuid === undefined || (uid === process.getuid() && (mode & 0o077) === 0)) return;
  throw new Error(`the usage spool ${directory} must be a folder of this user's with mode 0700`);
}

export async function listSegments(directory: string): Promise<SegmentName[]> {
  const names = await readdir(directory);
  const found = names.flatMap((name) => {
    const [, holder, number, writer] = SEGMENT.exec(name) ?? [];
    return holder && number && writer ? [{ holder, number: Number(number), writer }] : [];
  });
  return found.toSorted((a, b) => a.number - b.number);
}

/**
 * Takes over the files of holders that are gone: closed, or without a sign of life for `silenceMs`. One process at a time, so that what one
 * left goes to one: who saw half of it would take requests for unanswered whose end stands in the other half.
 */
export async function takeOver(directory: string, me: string, silenceMs: number, number: () => number): Promise<void> {
  const look = () => silentHolders(directory, me, silenceMs);
  if ((await look()).length === 0 || !(await lock(directory, silenceMs))) return;
  try {
    const gone = await look();
    for (const name of await listSegments(directory)) {
      if (!gone.includes(name.holder)) continue;
      const mine = { holder: me, number: number(), writer: name.writer };
      await rename(join(directory, segmentFile(name)), join(directory, segmentFile(mine))).catch(unlessMissing);
    }
    for (const holder of gone) await unlink(join(directory, aliveFile(holder))).catch(unlessMissing);
  } finally {
    await unlink(join(directory, LOCK)).catch(unlessMissing);
  }
}

async function silentHolders(directory: string, me: string, silenceMs: number): Promise<string[]> {
  const holders = new Set((await listSegments(directory)).map(({ holder }) => holder));
  holders.delete(me);
  const silent: string[] = [];
  for (const holder of holders) if (await isSilent(join(directory, aliveFile(holder)), silenceMs)) silent.push(holder);
  return silent;
}

/** True too of one that closed: a file without a holder is anybody's. */
export async function isSilent(path: string, silenceMs: number): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs >= silenceMs;
  } catch (error) {
    if (isMissing(error)) return true;
    throw error;
  }
}

/** @returns false while another has it. One whose holder died over it is removed, and is there for the next look. */
async function lock(directory: string, silenceMs: number): Promise<boolean> {
  const path = join(directory, LOCK);
  try {
    await writeFile(path, '', { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (await isSilent(path, silenceMs)) await unlink(path).catch(unlessMissing);
    return false;
  }
}

/** True of a file that is not there: another process took it over, with what is in it. */
export const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

export function unlessMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}
