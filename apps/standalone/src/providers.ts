import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  countProviders,
  createProvider,
  listProviders,
  updateProvider,
  type ActingDb,
  type Db,
  type EncryptionKeys,
} from '@llm-gateway/db';
import { startStandInProviders, type StandInProviders } from '@llm-gateway/local-services';
import { PROVIDER_TYPES, type ProviderConfig } from '@llm-gateway/shared';
import type { StandaloneEnv } from './env.js';
import type { StopList } from './stop-list.js';
import { firstProvider, vendorKey } from './vendors.js';

interface Setting {
  db: ActingDb;
  keys: EncryptionKeys;
  env: StandaloneEnv;
  stops: StopList;
}

/** Who will answer. `standIns`: enabled providers that no vendor stands behind. */
export interface ProviderOverview {
  enabled: string[];
  standIns: string[];
}

/**
 * Sees to it that someone answers: at the first start a provider for each vendor key of the environment, or stand-ins for all types
 * where there is none. Stand-ins get their server again at each start, and give way once a vendor key is set.
 */
export async function provideProviders(setting: Setting): Promise<ProviderOverview> {
  const { db, keys, env } = setting;
  const withKeys = PROVIDER_TYPES.filter((type) => vendorKey(type, env) !== null);
  if ((await countProviders(db)) > 0) await reviveStandIns(setting, withKeys.length > 0);
  else if (withKeys.length === 0) await createStandIns(setting);
  else for (const type of withKeys) await createProvider(db, keys, firstProvider(type, { apiKey: vendorKey(type, env) ?? '' }));
  return overview(db, await readPort(env));
}

async function createStandIns({ db, keys, env, stops }: Setting): Promise<void> {
  const standIns = await start(stops, env);
  for (const type of PROVIDER_TYPES) await createProvider(db, keys, firstProvider(type, { baseUrl: standIns.baseUrlFor(type) }));
}

async function reviveStandIns({ db, keys, env, stops }: Setting, giveWay: boolean): Promise<void> {
  const port = await readPort(env);
  const rows = (await everyProvider(db)).filter((row) => isStandIn(row, port));
  if (giveWay) for (const row of rows) await replace(row, { db, keys, env });
  const left = giveWay ? [] : rows.filter((row) => row.enabled);
  if (left.length === 0) return;
  const standIns = await start(stops, env, port ?? 0);
  const stale = rows.filter((row) => !row.standIn || standIns.port !== port);
  for (const row of stale) await updateProvider(db, keys, row.id, { baseUrl: standIns.baseUrlFor(row.type), standIn: true });
}

/** A made-up answer must never stand in for a real one: a stand-in becomes its vendor, or is switched off. */
async function replace(row: ProviderConfig, { db, keys, env }: Omit<Setting, 'stops'>): Promise<void> {
  const apiKey = vendorKey(row.type, env);
  await updateProvider(
    db,
    keys,
    row.id,
    apiKey === null ? { enabled: false } : { apiKey, baseUrl: null, pricing: null, enabled: true },
  );
}

async function overview(db: Db, standInPort: number | null): Promise<ProviderOverview> {
  const rows = (await everyProvider(db)).filter((row) => row.enabled);
  const real = rows.filter((row) => !isStandIn(row, standInPort));
  // Beside a real provider stand-ins answer only those who ask for them by name.
  const answering = real.length > 0 ? real : rows;
  return {
    enabled: answering.map(({ name }) => name),
    standIns: answering.filter((row) => !real.includes(row)).map(({ name }) => name),
  };
}

/** Marked as one; or made before there was a mark, known by its address and its key. A real provider there has another key. */
const isStandIn = ({ standIn, baseUrl, apiKeyHint }: ProviderConfig, port: number | null): boolean =>
  standIn || (apiKeyHint === STAND_IN_HINT && port !== null && baseUrl !== null && new URL(baseUrl).host === `127.0.0.1:${port}`);
const STAND_IN_HINT = 'd-in';

async function everyProvider(db: Db): Promise<ProviderConfig[]> {
  const rows: ProviderConfig[] = [];
  let cursor: string | undefined;
  do {
    const page = await listProviders(db, { limit: 500, ...(cursor && { cursor }) });
    rows.push(...page.data);
    cursor = page.nextCursor ?? undefined;
  } while (cursor);
  return rows;
}

/** On the same port as the last time if it is free, for the rows name it. */
async function start(stops: StopList, env: StandaloneEnv, port = 0): Promise<StandInProviders> {
  const standIns = await startStandInProviders({ port }).catch(() => startStandInProviders());
  await stops.add('stand-in providers', () => standIns.stop());
  await mkdir(dirname(portFile(env)), { recursive: true });
  await writeFile(portFile(env), String(standIns.port));
  return standIns;
}

const portFile = (env: StandaloneEnv): string => join(env.DATA_DIR, 'stand-ins.port');

async function readPort(env: StandaloneEnv): Promise<number | null> {
  const text = await readFile(portFile(env), 'utf8').catch(() => '');
  return /^\d+$/.test(text) ? Number(text) : null;
}
