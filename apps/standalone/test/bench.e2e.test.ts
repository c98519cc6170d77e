import { expect, it, jest } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** Two databases and seven processes start, on a machine that runs other tests as well. */
jest.setTimeout(180_000);

const bench = resolve(import.meta.dirname, '../../../bench/gateway');

interface Results {
  results: Record<string, { runs: Record<string, { requests: number }> }>;
}

it('measures hits and misses on the built processes, and finds a row for each request', async () => {
  const out = await mkdtemp(join(tmpdir(), 'llm-gateway-bench-test-'));
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [join(bench, 'main.mjs'), '--smoke', '--out', out]);
    expect(stdout).toContain('usage rows and attempts: complete after every run');
    expect(stdout).not.toMatch(/FAILED|target/);
    const { results } = JSON.parse(await readFile(join(out, 'gateway.json'), 'utf8')) as Results;
    expect(Object.keys(results)).toEqual(['hit', 'miss']);
    expect(results['miss']?.runs['ours']?.requests).toBeGreaterThanOrEqual(128);
    expect(await readFile(join(out, 'gateway.svg'), 'utf8')).toMatch(/^<svg /);
  } finally {
    await rm(out, { recursive: true, force: true });
  }
});

it('takes no books that miss a row or have one too many', async () => {
  const { faultOf } = (await import(join(bench, 'books.mjs'))) as {
    faultOf: (expected: object, found: object) => string | null;
  };
  expect(faultOf({ rows: 3, attempts: 2 }, { rows: 3, attempts: 2 })).toBeNull();
  expect(faultOf({ rows: 3, attempts: 2 }, { rows: 2, attempts: 2 })).toBe('2 rows where 3 belong');
  expect(faultOf({ rows: 3, attempts: 2 }, { rows: 3, attempts: 3 })).toBe('3 attempts where 2 belong');
});
