import { compilation } from './compilation.mjs';
import { dependencies } from './dependencies.mjs';
import { withLock } from './lock.mjs';
import { inRoot } from './paths.mjs';
import { prismaClient } from './prisma-client.mjs';
import { withProgress } from './progress.mjs';

/**
 * In order: a later step builds on an earlier one. A step is `{ label, isDone(), run() }`; `run` throws an Error whose message is for
 * the reader.
 */
const STEPS = [dependencies, prismaClient, compilation];

/** Brings the checkout to where its processes can run. Silent when there is nothing to do; ends the process when a step fails. */
export async function setUp() {
  if (STEPS.every((step) => step.isDone())) return;
  try {
    // Two commands started at once must not install over each other; the second finds the work done.
    await withLock(inRoot('.data/setup.lock'), async () => {
      for (const step of STEPS) if (!step.isDone()) await withProgress(step.label, () => step.run());
    });
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
