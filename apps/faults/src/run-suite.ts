/** Runs the chosen tests one after the other, on one rig for as long as nothing fails on it. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Entry, FaultTest, HeldElsewhere } from './fault-test.js';
import { Findings } from './findings.js';
import { Client } from './load/client.js';
import type { Options } from './options.js';
import { randomFrom } from './random.js';
import type { Result } from './report/result.js';
import { Rig } from './rig/rig.js';

const FLEET = { apis: 2, workers: 3 };
/** No test of the short version takes longer, unless it was told to. */
const LONGEST_TEST_MS = 300_000;

export interface Suite {
  run(entry: Entry): Promise<Result>;
  stop(): Promise<void>;
}

export function suite(path: string, options: Options): Suite {
  const rigs = new Set<Rig>();
  let shared: Rig | null = null;

  const open = async (env: Record<string, string>): Promise<Rig> => {
    const rig = await Rig.start({ path, env });
    rigs.add(rig);
    return rig;
  };
  const close = async (rig: Rig): Promise<void> => {
    rigs.delete(rig);
    await rig.stop();
  };

  const runTest = async (test: FaultTest): Promise<Result> => {
    const startedAt = Date.now();
    const findings = new Findings();
    const own: Rig[] = [];
    let problem: string | null = null;
    try {
      const rig = (shared ??= await open({}));
      await rig.ready(test.fleet ?? FLEET);
      const name = `t${test.id.padStart(2, '0')}`;
      const rigWith = async (env: Record<string, string>): Promise<Rig> => {
        const other = await open(env);
        own.push(other);
        return other;
      };
      const client = new Client(rig, name);
      const random = randomFrom(options.seed + Number.parseInt(test.id, 36));
      const load = (requests: number): number => Math.max(1, Math.round(requests * options.load));
      const { full, seconds } = options;
      await within(test.run({ rig, client, findings, name, full, seconds, load, random, rigWith }), longest(options));
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    const ok = problem === null && findings.failed.length === 0;
    // What a failed test leaves behind must not fail the next one.
    if (!ok && shared) own.push(shared);
    if (!ok) shared = null;
    await Promise.all(own.map(close));
    return {
      id: test.id,
      fault: test.fault,
      pass: test.pass,
      ok,
      seconds: (Date.now() - startedAt) / 1_000,
      problem,
      figures: findings.figures,
    };
  };

  return {
    run: (entry) => ('run' in entry ? runTest(entry) : lookUp(entry)),
    stop: async () => {
      await Promise.allSettled([...rigs].map(close));
    },
  };
}

const longest = ({ full, seconds = 0 }: Options): number => (full ? 6 : 1) * LONGEST_TEST_MS + seconds * 1_000;

async function within(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`the test did not end within ${ms / 1_000} s`)), ms);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

const SKIPPED = /\b(?:it|test|describe)\.(?:skip|only|todo)\b|\bx(?:it|describe)\(/;

/** The tests that are named exist under these names, and npm test runs them. */
async function lookUp({ id, fault, pass, heldBy }: HeldElsewhere): Promise<Result> {
  const missing: string[] = [];
  for (const { file, tests } of heldBy) {
    const text = await readFile(fileURLToPath(new URL(`../../../${file}`, import.meta.url)), 'utf8').catch(() => '');
    if (SKIPPED.test(text)) missing.push(`${file}: has tests that are skipped`);
    missing.push(...tests.filter((name) => !text.includes(name)).map((name) => `${file}: ${name}`));
  }
  const problem = missing.length > 0 ? `no such test any more: ${missing.join('; ')}` : null;
  return { id, fault, pass, ok: problem === null, seconds: 0, problem, figures: [], heldBy };
}
