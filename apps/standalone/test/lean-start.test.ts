import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { leanStart } from '@llm-gateway/local-services';

/** Keeps a hundred megabytes, a little at a time, so that the young generation grows as far as it may. */
const GROWING = `
  const kept = [];
  for (let n = 0; n < 200_000; n++) kept.push(new Array(64).fill(n));
  console.log(require('node:v8').getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size);`;

const youngBytes = (nodeArgs: readonly string[]): number =>
  Number(execFileSync(process.execPath, [...nodeArgs, '--eval', GROWING], { encoding: 'utf8' }));

describe('a lean start', () => {
  it('halves what V8 keeps for young objects', () => {
    expect(youngBytes(leanStart.nodeArgs)).toBeLessThanOrEqual(youngBytes([]) / 2);
  });

  it.each(['api', 'worker'])('is how the image of the %s starts as well', (app) => {
    const lines = readFileSync(new URL(`../../../Dockerfile.${app}`, import.meta.url), 'utf8').split('\n');
    expect(lines).toContain(
      `CMD ${JSON.stringify(['node', ...leanStart.nodeArgs, `apps/${app}/dist/main.js`]).replaceAll(',', ', ')}`,
    );
    for (const [name, value] of Object.entries(leanStart.env)) expect(lines).toContain(`ENV ${name}=${value}`);
  });
});
