/**
 * The health of a provider's lane, shared by all replicas through Redis: paused (the vendor said Retry-After), circuit open
 * (it failed repeatedly), and which workers serve it.
 */
import type { Redis } from 'ioredis';
import { keys } from '../keys.js';
import { generateJob } from '../generate-job.js';
import {
  FAILURES_TO_OPEN,
  FAILURE_WINDOW_MS,
  FIRST_COOLDOWN_MS,
  LONGEST_COOLDOWN_MS,
  LONGEST_PAUSE_MS,
  PROBE_MS,
} from './circuit-rules.js';

/** A circuit nobody asks about is forgotten after this. */
const CIRCUIT_MEMORY_MS = 600_000;
/** A worker that was silent for this long counts as dead. Heartbeats come every second. */
export const WORKER_SILENCE_MS = 4_000;

export type LaneCheck =
  { kind: 'go'; probe: boolean; hadFailures: boolean } | { kind: 'paused'; until: number } | { kind: 'open'; until: number };

export interface LaneStatus {
  workers: number;
  /** Jobs waiting, delayed ones included. */
  depth: number;
  pausedUntil: number | null;
  circuit: 'closed' | 'open' | 'half_open';
  /** Epoch ms at which an open circuit lets a probe through; null where it is not open. */
  circuitOpenUntil: number | null;
}

interface CircuitRecord {
  openUntil: number;
  cooldownMs: number;
}

/** Counts a failure and opens the circuit. KEYS fails, circuit; ARGV now, failures to open, window ms, first cooldown, longest cooldown, memory ms. */
const FAIL = `
local circuit = redis.call('GET', KEYS[2])
local fails = redis.call('INCR', KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if not circuit and fails < tonumber(ARGV[2]) then return 0 end
local now = tonumber(ARGV[1])
local cooldown = tonumber(ARGV[4])
if circuit then
  local record = cjson.decode(circuit)
  if record.openUntil > now then return 0 end
  cooldown = math.min(record.cooldownMs * 2, tonumber(ARGV[5]))
end
redis.call('SET', KEYS[2], cjson.encode({ openUntil = now + cooldown, cooldownMs = cooldown }), 'PX', ARGV[6])
return 1`;

/** Never shortens a pause. KEYS pause; ARGV until, now. */
const PAUSE = `
local current = tonumber(redis.call('GET', KEYS[1]) or '0')
if current >= tonumber(ARGV[1]) then return current end
redis.call('SET', KEYS[1], ARGV[1], 'PX', tonumber(ARGV[1]) - tonumber(ARGV[2]))
return tonumber(ARGV[1])`;

interface ScriptedRedis extends Redis {
  lgwFail(fails: string, circuit: string, ...args: number[]): Promise<number>;
  lgwPause(pause: string, until: number, now: number): Promise<number>;
}

export class LaneHealth {
  readonly #redis: ScriptedRedis;

  constructor(redis: Redis) {
    redis.defineCommand('lgwFail', { numberOfKeys: 2, lua: FAIL });
    redis.defineCommand('lgwPause', { numberOfKeys: 1, lua: PAUSE });
    this.#redis = redis as ScriptedRedis;
  }

  /** May a call be made now? Asked directly before each call. Past an open circuit's time one caller gets through, as a probe. */
  async check(provider: string): Promise<LaneCheck> {
    const [pause, circuit, fails] = await this.#redis.mget(keys.pause(provider), keys.circuit(provider), keys.fails(provider));
    const now = Date.now();
    if (pause && Number(pause) > now) return { kind: 'paused', until: Number(pause) };
    if (!circuit) return { kind: 'go', probe: false, hadFailures: fails !== null && fails !== undefined };
    const { openUntil } = JSON.parse(circuit) as CircuitRecord;
    if (openUntil > now) return { kind: 'open', until: openUntil };
    const probing = await this.#redis.set(keys.probe(provider), '1', 'PX', PROBE_MS, 'NX');
    return probing === 'OK' ? { kind: 'go', probe: true, hadFailures: true } : { kind: 'open', until: now + FIRST_COOLDOWN_MS };
  }

  /** {@link check} without taking a probe: whether it is of any use to wait for a slot. */
  async isOpen(provider: string): Promise<boolean> {
    const circuit = await this.#redis.get(keys.circuit(provider));
    return circuit !== null && (JSON.parse(circuit) as CircuitRecord).openUntil > Date.now();
  }

  /** No replica calls the provider before `until` (epoch ms). @returns the pause in force. */
  async pause(provider: string, until: number): Promise<number> {
    const now = Date.now();
    const bounded = Math.min(Math.ceil(until), now + LONGEST_PAUSE_MS);
    return bounded <= now ? now : this.#redis.lgwPause(keys.pause(provider), bounded, now);
  }

  /** A call failed in a way that speaks against the provider. `immediately`: one such failure is enough (a refused key). */
  async failed(provider: string, immediately: boolean): Promise<void> {
    const enough = immediately ? 1 : FAILURES_TO_OPEN;
    const limits = [FAILURE_WINDOW_MS, FIRST_COOLDOWN_MS, LONGEST_COOLDOWN_MS, CIRCUIT_MEMORY_MS];
    await this.#redis.lgwFail(keys.fails(provider), keys.circuit(provider), Date.now(), enough, ...limits);
    await this.#redis.del(keys.probe(provider));
  }

  /** A call succeeded on a lane with failures behind it: the circuit closes. */
  async recovered(provider: string): Promise<void> {
    await this.#redis.del(keys.fails(provider), keys.circuit(provider), keys.probe(provider));
  }

  /** A probe ended without saying anything of the provider's health: let another one try. */
  async probeInconclusive(provider: string): Promise<void> {
    await this.#redis.del(keys.probe(provider));
  }

  /** A worker says that it serves these lanes; the silent ones of before are dropped. */
  async heartbeat(workerId: string, providers: readonly string[]): Promise<void> {
    const now = Date.now();
    const pipeline = this.#redis.pipeline();
    for (const provider of providers) {
      pipeline.zadd(keys.workers(provider), now, workerId);
      pipeline.zremrangebyscore(keys.workers(provider), '-inf', now - 60_000);
      pipeline.pexpire(keys.workers(provider), 120_000);
    }
    await pipeline.exec();
  }

  /** A worker stops serving a lane. */
  async leave(workerId: string, provider: string): Promise<void> {
    await this.#redis.zrem(keys.workers(provider), workerId);
  }

  /** @returns one lane's status after another, in one round trip. */
  async statuses(providers: readonly string[]): Promise<Map<string, LaneStatus>> {
    const now = Date.now();
    const pipeline = this.#redis.pipeline();
    for (const provider of providers) {
      const queue = `${keys.queuePrefix(provider)}:${generateJob.queue(provider)}`;
      pipeline.zcount(keys.workers(provider), now - WORKER_SILENCE_MS, '+inf');
      pipeline.zcard(`${queue}:prioritized`).zcard(`${queue}:delayed`).llen(`${queue}:wait`);
      pipeline.mget(keys.pause(provider), keys.circuit(provider));
    }
    // Without providers there is nothing to ask for, but whether Redis answers is still to be found out.
    pipeline.ping();
    const replies = ((await pipeline.exec()) ?? []).map(([error, reply]) => {
      if (error) throw error;
      return reply;
    });
    return new Map(providers.map((provider, index) => [provider, toStatus(replies.slice(index * 5, index * 5 + 5), now)]));
  }
}

function toStatus([workers, prioritized, delayed, waiting, health]: unknown[], now: number): LaneStatus {
  const [pause, circuit] = health as (string | null)[];
  return {
    workers: Number(workers),
    depth: Number(prioritized) + Number(delayed) + Number(waiting),
    pausedUntil: pause && Number(pause) > now ? Number(pause) : null,
    ...circuitState(circuit ?? null, now),
  };
}

function circuitState(circuit: string | null, now: number): Pick<LaneStatus, 'circuit' | 'circuitOpenUntil'> {
  if (circuit === null) return { circuit: 'closed', circuitOpenUntil: null };
  const { openUntil } = JSON.parse(circuit) as CircuitRecord;
  return openUntil > now ? { circuit: 'open', circuitOpenUntil: openUntil } : { circuit: 'half_open', circuitOpenUntil: null };
}
