import { expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

interface Component {
  name: string;
  purl: string;
  hashes?: { alg: string; content: string }[];
}

it('lists what an image installs, each package with its hash, and nothing of development', async () => {
  // The script itself checks the document's form, and that nothing of the lockfile is missing.
  const { stdout } = await promisify(execFile)(process.execPath, ['deploy/sbom.mjs'], { maxBuffer: 50_000_000 });
  const { bomFormat, components } = JSON.parse(stdout) as { bomFormat: string; components: Component[] };
  expect(bomFormat).toBe('CycloneDX');
  const names = components.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['bullmq', 'express', 'openai', 'pg', 'zod']));
  for (const name of ['jest', 'eslint', 'typescript', 'prisma', 'fast-check']) expect(names).not.toContain(name);
  const foreign = components.filter(({ purl }) => !purl.startsWith('pkg:npm/%40llm-gateway/'));
  expect(foreign.filter(({ hashes }) => hashes?.[0]?.alg !== 'SHA-512')).toEqual([]);
}, 60_000);
