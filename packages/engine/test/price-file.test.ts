import { expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { priceCall } from '@llm-gateway/providers';
import { NO_TOKENS, type Logger } from '@llm-gateway/shared';
import { followPriceFile } from '../src/index.js';

const table = (price: number) =>
  JSON.stringify([
    {
      id: 'openai',
      name: 'OpenAI',
      api_pattern: 'x',
      models: [{ id: 'm', match: { equals: 'm' }, prices: { input_mtok: price, output_mtok: 0 } }],
    },
  ]);
const cost = () =>
  priceCall({
    type: 'openai',
    baseUrl: null,
    model: 'm',
    tokens: { ...NO_TOKENS, uncachedInput: 1_000_000 },
    at: new Date(),
    pricing: null,
  }).costNanoUsd;

it('takes a price table that comes later, each that takes its place, and none that is damaged', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'prices-'));
  const file = join(folder, 'prices.json');
  const said = new PassThrough({ objectMode: true });
  const say = (_: unknown, message: string) => void said.write(message);
  const stop = followPriceFile(file, { info: say, warn: say } as unknown as Logger, 20);
  const next = async () => (await once(said, 'data'))[0] as string;
  const put = async (text: string) => {
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  };
  try {
    expect(await next()).toMatch(/^no price table there yet/);
    expect(cost()).toBeNull();
    for (const [text, message, expected] of [
      [table(1), 'price table read', 1_000_000_000],
      ['{"cut', 'price table not read, the one in use stays', 1_000_000_000],
      [table(2.5), 'price table read', 2_500_000_000],
    ] as const) {
      const answer = next();
      await put(text);
      expect([await answer, cost()]).toEqual([message, expected]);
    }
  } finally {
    stop();
    await rm(folder, { recursive: true });
  }
});
