/** Spools beside our own that nobody stores: each belongs to another database, whose gateway is no more or calls it by another name. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@llm-gateway/shared';
import { SILENCE_MS } from './heir.js';
import { aliveFile, isMissing, isSilent, listSegments, segmentFile } from './segment.js';

/** Warns of each, with what is in it. Never rejects: a folder that cannot be read is somebody else's, or gone. */
export async function warnOfOwnerlessSpools(parent: string, own: string, logger: Logger): Promise<void> {
  try {
    for (const entry of await readdir(parent, { withFileTypes: true })) {
      const directory = join(parent, entry.name);
      if (!entry.isDirectory() || directory === own) continue;
      const left = await ownerless(directory);
      if (left.files > 0) {
        logger.warn(
          { directory, own, ...left },
          'usage rows of another database wait in a spool that no process looks after: start a gateway with that database, or, if it is this ' +
            'one under a former address, move the files into our own folder',
        );
      }
    }
  } catch (error) {
    logger.debug({ err: error }, 'the folders beside the usage spool could not be looked at');
  }
}

async function ownerless(directory: string): Promise<{ files: number; bytes: number }> {
  const left = { files: 0, bytes: 0 };
  for (const name of await listSegments(directory).catch(() => [])) {
    if (!(await isSilent(join(directory, aliveFile(name.holder)), SILENCE_MS))) continue;
    const size = await sizeOf(join(directory, segmentFile(name)));
    if (size === null) continue;
    left.files++;
    left.bytes += size;
  }
  return left;
}

/** @returns null for a file that was taken away meanwhile. */
async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}
