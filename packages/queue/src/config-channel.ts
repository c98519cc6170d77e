/** The configuration in Redis: a mirror for processes that start without PostgreSQL, and the word that it has changed. Keys in it are ciphertext. */
import type { Redis } from 'ioredis';
import { configSnapshot, providerConfig, type ConfigSnapshot } from '@llm-gateway/shared';
import { z } from 'zod';
import { keys } from './keys.js';

/** Writes the mirror unless it holds a newer version. KEYS mirror; ARGV version, snapshot. */
const MIRROR = `
local current = redis.call('GET', KEYS[1])
if current and cjson.decode(current).version > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1`;

export async function writeConfigMirror(redis: Redis, snapshot: ConfigSnapshot): Promise<void> {
  await redis.eval(MIRROR, 1, keys.configMirror, snapshot.version, JSON.stringify(snapshot));
}

const looseMirror = z.looseObject({ providers: z.array(z.unknown()) });

/** @returns null where there is no mirror, or none that this build understands. */
export async function readConfigMirror(redis: Redis): Promise<ConfigSnapshot | null> {
  const json = await redis.get(keys.configMirror);
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
