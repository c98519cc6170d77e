/** The configuration in Redis: a mirror for processes that start without PostgreSQL, and the word that it has changed. Keys in it are ciphertext. */
import type { Redis } from 'ioredis';
import { configSnapshot, providerConfig, type ConfigSnapshot } from '@llm-gateway/shared';
import { z } from 'zod';
import { keys } from './keys.js';

/** Writes the mirror unless it holds a newer version, which is then the answer. KEYS mirror; ARGV version, snapshot, a newer version that does not count. */
const MIRROR = `
local current = redis.call('GET', KEYS[1])
local version = current and cjson.decode(current).version
if type(version) == 'number' and version > tonumber(ARGV[1]) and version ~= tonumber(ARGV[3]) then return version end
redis.call('SET', KEYS[1], ARGV[2])
return false`;

/** KEYS mirror; ARGV version. */
const NEWER = `
local current = redis.call('GET', KEYS[1])
local version = current and cjson.decode(current).version
if type(version) == 'number' and version > tonumber(ARGV[1]) then return current end
return false`;

/**
 * @param insteadOf a version that is newer by its number and yet none of this database.
 * @returns null; or the newer version that stands there and was left alone.
 */
export async function writeConfigMirror(redis: Redis, snapshot: ConfigSnapshot, insteadOf = -1): Promise<number | null> {
  const newer = await redis.eval(MIRROR, 1, keys.configMirror, snapshot.version, JSON.stringify(snapshot), insteadOf);
  return newer as number | null;
}

const looseMirror = z.looseObject({ providers: z.array(z.unknown()) });

/** @returns null where there is no mirror of a version above this, or none that this build understands. */
export async function readConfigMirror(redis: Redis, aboveVersion = -2): Promise<ConfigSnapshot | null> {
  const json = (await redis.eval(NEWER, 1, keys.configMirror, aboveVersion)) as string | null;
  if (json === null) return null;
  const mirror = looseMirror.safeParse(JSON.parse(json));
  if (!mirror.success) return null;
  // A build that is newer than this one may have written it: what cannot be understood is left out, alone.
  const rows = mirror.data.providers.map((row) => providerConfig.safeParse(row));
  const parsed = configSnapshot.safeParse({ ...mirror.data, providers: rows.flatMap((row) => (row.success ? [row.data] : [])) });
  return parsed.success ? parsed.data : null;
}

export async function announceConfigChange(redis: Redis): Promise<void> {
  await redis.publish(keys.configChanged, '1');
}

export function onConfigChange(subscriber: Redis, listener: () => void): void {
  subscriber.on('message', (channel: string) => {
    if (channel === keys.configChanged) listener();
  });
  const subscribe = () => void subscriber.subscribe(keys.configChanged).catch(() => undefined);
  subscriber.on('ready', subscribe);
  if (subscriber.status === 'ready') subscribe();
}
