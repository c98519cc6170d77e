/**
 * The spool's files. `<holder>.<number>.<writer>.jsonl`: who answers for the file now, and who wrote it. A file changes hands by being
 * renamed, which only one of several processes can do; `<holder>.alive` is touched for as long as its process lives.
 */
import { readdir, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

export interface SegmentName {
  holder: string;
  number: number;
  writer: string;
}

const SEGMENT = /^([A-Za-z0-9-]+)\.(\d+)\.([A-Za-z0-9-]+)\.jsonl$/;

export const segmentFile = ({ holder, number, writer }: SegmentName): string => `${holder}.${number}.${writer}.jsonl`;
export const aliveFile = (holder: string): string => `${holder}.alive`;

export async function listSegments(directory: string): Promise<SegmentName[]> {
  const names = await readdir(directory);
  const found = names.flatMap((name) => {
    const [, holder, number, writer] = SEGMENT.exec(name) ?? [];
    return holder && number && writer ? [{ holder, number: Number(number), writer }] : [];
  });
  return found.toSorted((a, b) => a.number - b.number);
}

/** Takes over the files of holders that are gone: closed, or without a sign of life for `silenceMs`. @returns what is `me`'s now. */
export async function takeOver(directory: string, me: string, silenceMs: number, number: () => number): Promise<SegmentName[]> {
  const taken: SegmentName[] = [];
  const others = (await listSegments(directory)).filter(({ holder }) => holder !== me);
  for (const holder of new Set(others.map((name) => name.holder))) {
    if (!(await isGone(join(directory, aliveFile(holder)), silenceMs))) continue;
    for (const name of others.filter((other) => other.holder === holder)) {
      const mine = { holder: me, number: number(), writer: name.writer };
      if (await moved(join(directory, segmentFile(name)), join(directory, segmentFile(mine)))) taken.push(mine);
    }
  }
  return taken;
}

/** Of several that look at once, the one whose unlink succeeds goes first; a file without a holder is anybody's. */
async function isGone(alive: string, silenceMs: number): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(alive);
    if (Date.now() - mtimeMs < silenceMs) return false;
    await unlink(alive);
    return true;
  } catch (error) {
    if (isMissing(error)) return true;
    throw error;
  }
}

/** True of a file that is not there: another process took it over, with what is in it. */
export const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
