import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { usePriceTable } from '@llm-gateway/providers';
import { refresh } from '../src/prices/refresh.js';
import { runCommand } from './support.js';

const table = (models: number, price = 1) =>
  JSON.stringify([
    {
      id: 'openai',
      name: 'OpenAI',
      api_pattern: 'x',
      models: Array.from({ length: models }, (_, index) => ({
        id: `m${index}`,
        match: { equals: `m${index}` },
        prices: { input_mtok: price },
      })),
    },
  ]);

let folder: string;
let pricesFile: string;
let source: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refresh-'));
  pricesFile = join(folder, 'kept', 'prices.json');
  source = join(folder, 'source.json');
});
afterEach(() => rm(folder, { recursive: true }));

const noDatabase = () => {
  throw new Error('prices:refresh needs no database');
};
const run = (...args: string[]) => runCommand(refresh, args, noDatabase, { pricesFile });
/** As if this had been fetched the last time. */
const keep = async (text: string) => {
  await mkdir(join(folder, 'kept'), { recursive: true });
  await writeFile(pricesFile, text);
};

describe('a refresh of the prices', () => {
  it('keeps the published table in the place of the one before, and nothing half written', async () => {
    await keep(table(10));
    const server = createServer((_, res) => res.end(table(11, 2))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { code, out } = await run('--source', `http://127.0.0.1:${(server.address() as AddressInfo).port}/data.json`);
    server.close();
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/^genai-prices#\w+ with 11 models takes the place of genai-prices#\w+ with 10 models\.$/),
    ]);
    expect(await readFile(pricesFile, 'utf8')).toBe(table(11, 2));
    expect(await readdir(join(folder, 'kept'))).toEqual(['prices.json']);
  });

  it('only says so with --dry-run, and when there is nothing new', async () => {
    await keep(table(10));
    await writeFile(source, table(11));
    expect((await run('--dry-run', '--source', source)).out).toMatch('would take the place of');
    expect(JSON.parse((await run('--dry-run', '--json', '--source', source)).out)).toMatchObject({
      written: false,
      current: { models: 10 },
      next: { models: 11, vendors: { openai: 11, anthropic: 0 } },
    });
    expect(await readFile(pricesFile, 'utf8')).toBe(table(10));
    await writeFile(source, table(10));
    expect((await run('--source', source)).out).toMatch(/^Nothing to do/);
  });

  it('refuses a table that has lost half of its models, and keeps the one before', async () => {
    await keep(table(10));
    await writeFile(source, table(5));
    await expect(run('--source', source)).rejects.toThrow(
      'refused, and the one in use stays:\n  it has 5 models, where 10 are known now',
    );
    expect(await readFile(pricesFile, 'utf8')).toBe(table(10));
    await writeFile(source, table(6));
    expect(await run('--source', source)).toMatchObject({ code: 0 });
  });

  it('refuses a table in which half of the models have lost their prices: calls would count as free', async () => {
    await keep(table(10));
    await writeFile(
      source,
      table(10).replaceAll(/"m[0-4]"},"prices":{"input_mtok":1}/g, (one) => one.replace('"input_mtok":1', '')),
    );
    await expect(run('--source', source)).rejects.toThrow('it has 5 models, where 10 are known now');
    expect(await readFile(pricesFile, 'utf8')).toBe(table(10));
  });

  it('takes the place of a damaged table too, held against the one that calls are priced by meanwhile', async () => {
    await keep('{"cut of');
    usePriceTable(table(10));
    await writeFile(source, table(5));
    await expect(run('--source', source)).rejects.toThrow('it has 5 models, where 10 are known now');
    expect(await readFile(pricesFile, 'utf8')).toBe('{"cut of');
    usePriceTable(table(10));
    await writeFile(source, table(9));
    const { code, notes } = await run('--source', source);
    expect([code, notes]).toEqual([0, expect.stringContaining('the price table is not JSON')]);
    expect(await readFile(pricesFile, 'utf8')).toBe(table(9));
  });

  it.each<[string, string, number, string]>([
    ['that is no table', '<html>', 200, 'the price table is not JSON'],
    [
      'whose histories cannot be read',
      table(10).replace('{"input_mtok":1}', '[{"constraint":{"type":"moon"},"prices":{}}]'),
      200,
      'price constraint',
    ],
    ['that is not there', '', 404, 'status 404'],
  ])('refuses an answer %s', async (_, body, status, message) => {
    await keep(table(10));
    const server = createServer((_req, res) => res.writeHead(status).end(body)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    await expect(run('--source', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)).rejects.toThrow(message);
    server.close();
    expect(await readFile(pricesFile, 'utf8')).toBe(table(10));
  });

  it('says what hinders it where nobody answers', async () => {
    await expect(run('--source', 'http://127.0.0.1:1/')).rejects.toThrow(/^cannot get http:\/\/127\.0\.0\.1:1\/: .+/);
  });

  it('must know where to keep the table', async () => {
    await expect(runCommand(refresh, [], noDatabase)).rejects.toThrow('PRICES_FILE: is required and not set');
  });
});
