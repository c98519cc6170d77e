import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { MigrationList, SchemasContainer } from '@prisma/schema-engine-wasm';

/** `prisma/` beside `packages/`, in the repository as in an image: the same distance from `src` and from `dist`. */
export const PRISMA_DIRECTORY = fileURLToPath(new URL('../../../../prisma/', import.meta.url));
const MIGRATIONS_DIRECTORY = `${PRISMA_DIRECTORY}migrations`;

/** @returns schema.prisma, as the engine wants it. */
export async function readSchema(): Promise<SchemasContainer> {
  const path = `${PRISMA_DIRECTORY}schema.prisma`;
  return { files: [{ path, content: await readFile(path, 'utf8') }] };
}

/** @returns every migration in the order in which they apply. */
export async function readMigrations(directory = MIGRATIONS_DIRECTORY): Promise<MigrationList> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const migrationDirectories = names.sort().map(async (path) => {
    const value = await readFile(`${directory}/${path}/migration.sql`, 'utf8');
    return { path, migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value } } };
  });
  return {
    baseDir: directory,
    lockfile: { path: 'migration_lock.toml', content: await readFile(`${directory}/migration_lock.toml`, 'utf8') },
    shadowDbInitScript: '',
    migrationDirectories: await Promise.all(migrationDirectories),
  };
}
