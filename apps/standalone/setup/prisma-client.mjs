import { existsSync } from 'node:fs';
import { inRoot } from './paths.mjs';
import { runTool } from './run-tool.mjs';
import { fingerprint, isStamped, stamp } from './stamp.mjs';

const label = 'generating the Prisma client';
const inputs = () => fingerprint([inRoot('prisma/schema.prisma'), inRoot('node_modules/prisma/package.json')]);

export const prismaClient = {
  label,
  isDone: () =>
    existsSync(inRoot('node_modules/prisma/package.json')) &&
    existsSync(inRoot('packages/db/src/generated/client.ts')) &&
    isStamped('prisma', inputs()),
  async run() {
    // Prisma insists on an engine binary that it would download and never uses here: any existing file will do.
    const env = { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, PRISMA_HIDE_UPDATE_MESSAGE: '1', CHECKPOINT_DISABLE: '1' };
    await runTool(
      label,
      [process.execPath, 'node_modules/prisma/build/index.js', 'generate', '--schema', 'prisma/schema.prisma'],
      env,
    );
    stamp('prisma', inputs());
  },
};
