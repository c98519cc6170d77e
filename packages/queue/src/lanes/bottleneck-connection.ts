/** Bottleneck's connection to Redis, mended for Redis 7 and later, and for connections that break. */
import Bottleneck from 'bottleneck';
import type { Redis } from 'ioredis';

type ScriptCallback = (error: Error | null, reply: unknown) => void;
type ScriptFunction = (...args: unknown[]) => void;
interface PatchableConnection {
  __scriptFn__(name: string): ScriptFunction;
}

/**
 * Stands before Bottleneck's script that takes a slot. A connection that breaks before its answer sends it again, and the slot would be counted
 * twice and given back once. KEYS as Bottleneck has them, the second: slots' weights; ARGV now, client, slot, …
 */
const TAKEN_ALREADY = `if redis.call('HEXISTS', KEYS[2], ARGV[3]) == 1 then return { 1, 0 } end\n`;

/**
 * @param client for Bottleneck alone: its commands are changed.
 *
 * Redis 7 prefixes script errors with `ERR `, and Bottleneck 2.19.5 compares the bare text: without this, a limiter whose keys
 * were lost, or whose process stood still for ten seconds, rejects every call until its process restarts.
 * @see https://github.com/SGrondin/bottleneck/issues/205
 */
export function bottleneckConnection(client: Redis): Bottleneck.IORedisConnection {
  const define = client.defineCommand.bind(client);
  client.defineCommand = (name, { lua, ...definition }) =>
    define(name, { ...definition, lua: name === 'register' ? TAKEN_ALREADY + lua : lua });
  const connection = new Bottleneck.IORedisConnection({ client });
  const patchable = connection as unknown as PatchableConnection;
  const original = patchable.__scriptFn__.bind(connection);
  patchable.__scriptFn__ = (name) => {
    const run = original(name);
    return (...args) => {
      const callback = args.pop() as ScriptCallback;
      run(...args, (error: Error | null, reply: unknown) => {
        if (error?.message.startsWith('ERR ')) error.message = error.message.slice(4);
        callback(error, reply);
      });
    };
  };
  return connection;
}
