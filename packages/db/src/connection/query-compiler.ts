/**
 * Prisma's query compiler, read from its file. Prisma imports it as a module of 2.3 MB of text, which stays in memory twice: as the module's source
 * and as what it exports.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { PrismaClient } from '../generated/client.js';

// Node has it; TypeScript declares it with the browser's library only.
declare const WebAssembly: { Module: new (code: Uint8Array) => object };

const PACKAGED = '@prisma/client/runtime/query_compiler_small_bg.postgresql.wasm-base64.js';
/** How every WebAssembly module begins, in base64. */
const BEGINS = '"AGFzbQ';

/** What Prisma keeps of the generated client's settings: not in its types, and passed over where a later Prisma does without. */
interface Internals {
  _engineConfig?: { compilerWasm?: { getQueryCompilerWasmModule: () => Promise<object> } };
}

/** To be called before the first query of the process. Where the file is not as we know it, Prisma imports its own, as it does anyway: memory is no reason to fail. */
export function readCompilerFromFile(client: PrismaClient): void {
  const compiler = (client as unknown as Internals)._engineConfig?.compilerWasm;
  if (!compiler) return;
  const importIt = compiler.getQueryCompilerWasmModule;
  compiler.getQueryCompilerWasmModule = () => compileFromFile().catch(importIt);
}

async function compileFromFile(): Promise<object> {
  const text = await readFile(createRequire(import.meta.url).resolve(PACKAGED), 'latin1');
  const begin = text.indexOf(BEGINS) + 1;
  return new WebAssembly.Module(Buffer.from(text.slice(begin, text.indexOf('"', begin)), 'base64'));
}
