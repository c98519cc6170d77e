/** What a test of the suite is, and what it may use. */
import type { Client } from './load/client.js';
import type { Findings } from './findings.js';
import type { Rig } from './rig/rig.js';

export interface TestContext {
  rig: Rig;
  /** Sends requests under the test's own name, and keeps their book. */
  client: Client;
  findings: Findings;
  /** The test's own name in all books: `t07`. Its providers are called `t07-…`. */
  name: string;
  /** The long version: outages as long as the promise speaks of. */
  full: boolean;
  /** How long a test that goes on for as long as it is told goes on; undefined: its own default. */
  seconds: number | undefined;
  /** A number of requests, scaled by `--load`. */
  load: (requests: number) => number;
  /** The same sequence for the same seed, from 0 to below 1. */
  random: () => number;
  /** A rig apart, with other settings, ended with the test. */
  rigWith(env: Record<string, string>): Promise<Rig>;
}

export interface FaultTest {
  /** `1` to `42`, or `main`. */
  id: string;
  /** What is done to the gateway. */
  fault: string;
  /** What must hold all the same. */
  pass: string;
  /** What it does not prove, or why a figure other than 0 is right. */
  remark?: string;
  /** Processes at its start. Default 2 and 3. */
  fleet?: { apis: number; workers: number };
  run(context: TestContext): Promise<void>;
}

/** A promise that a test of the jest suites holds, in the same terms: named here and not written twice. */
export interface HeldElsewhere {
  id: string;
  fault: string;
  pass: string;
  remark?: string;
  heldBy: readonly { file: string; tests: readonly string[] }[];
}

export type Entry = FaultTest | HeldElsewhere;
