/**
 * Prisma's schema engine as WebAssembly: it applies migrations and compares schemas without the binary that `prisma migrate` downloads.
 * Loaded by hand, because the package's own entry needs a bundler.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import type { SchemaEngine, SchemasContainer } from '@prisma/schema-engine-wasm';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import { databaseTarget } from '../connection/database-url.js';
import { migrationAdapter } from './migration-adapter.js';

type Exports = Record<string, unknown>;
/** What the package exports beside its declared types: the ends that a bundler would join. */
interface Glue {
  __wbg_set_wasm(exports: Exports): void;
}
// Node has it; TypeScript declares it with the browser's library only.
declare const WebAssembly: {
  instantiate(code: Uint8Array, imports: Record<string, unknown>): Promise<{ instance: { exports: Exports } }>;
};

let loading: Promise<void> | undefined;

/** Runs `work` with an engine on one database, and closes its connections. */
export async function withSchemaEngine<T>(
  url: string,
  schema: SchemasContainer,
  work: (engine: SchemaEngine) => Promise<T>,
): Promise<T> {
  await (loading ??= loadWasm());
  const adapter = migrationAdapter(databaseTarget(url));
  const datamodels = schema.files.map(({ path, content }): [string, string] => [path, content]);
  try {
    return await work(
      await bindings.SchemaEngine.new({ datamodels }, () => undefined, bindMigrationAwareSqlAdapterFactory(adapter.factory)),
    );
  } finally {
    await adapter.close();
  }
}

async function loadWasm(): Promise<void> {
  const path = createRequire(import.meta.url)
    .resolve('@prisma/schema-engine-wasm/schema_engine_bg')
    .replace(/\.js$/, '.wasm');
  const { instance } = await WebAssembly.instantiate(await readFile(path), { './schema_engine_bg.js': withIdleTimers(bindings) });
  (bindings as unknown as Glue).__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as () => void)();
}

/** The engine never clears its 10 s limit on a lock after an error, and the process would wait for it before it can end. */
function withIdleTimers(imports: Record<string, unknown>): Record<string, unknown> {
  const setIdleTimer = (callback: () => void, delayMs: number) => setTimeout(callback, delayMs >>> 0).unref();
  const timers = Object.keys(imports).filter((name) => name.startsWith('__wbg_setTimeout_'));
  return { ...imports, ...Object.fromEntries(timers.map((name) => [name, setIdleTimer])) };
}
