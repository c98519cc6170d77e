/** The health of providers as this process alone has seen it, for the time in which it cannot be shared: {@link LaneHealth} in memory. */
import {
  FAILURES_TO_OPEN,
  FAILURE_WINDOW_MS,
  FIRST_COOLDOWN_MS,
  LONGEST_COOLDOWN_MS,
  LONGEST_PAUSE_MS,
  PROBE_MS,
} from './circuit-rules.js';
import type { LaneCheck } from './lane-health.js';

interface Known {
  pausedUntil: number;
  failures: number;
  failedAt: number;
  /** null: the circuit is closed. */
  circuit: { openUntil: number; cooldownMs: number } | null;
  probingUntil: number;
}

export class LocalLaneHealth {
  readonly #known = new Map<string, Known>();

  check(provider: string): Promise<LaneCheck> {
    return Promise.resolve(this.#look(provider, Date.now()));
  }

  isOpen(provider: string): Promise<boolean> {
    return Promise.resolve((this.#known.get(provider)?.circuit?.openUntil ?? 0) > Date.now());
  }

  pause(provider: string, until: number): Promise<number> {
    const known = this.#of(provider);
    known.pausedUntil = Math.max(known.pausedUntil, Math.min(until, Date.now() + LONGEST_PAUSE_MS));
    return Promise.resolve(known.pausedUntil);
  }

  failed(provider: string, immediately: boolean): Promise<void> {
    const known = this.#of(provider);
    const now = Date.now();
    known.failures = now - known.failedAt > FAILURE_WINDOW_MS ? 1 : known.failures + 1;
    known.failedAt = now;
    known.probingUntil = 0;
    const { circuit } = known;
    const opens = circuit ? circuit.openUntil <= now : known.failures >= (immediately ? 1 : FAILURES_TO_OPEN);
    if (!opens) return Promise.resolve();
    const cooldownMs = circuit ? Math.min(circuit.cooldownMs * 2, LONGEST_COOLDOWN_MS) : FIRST_COOLDOWN_MS;
    known.circuit = { openUntil: now + cooldownMs, cooldownMs };
    return Promise.resolve();
  }

  recovered(provider: string): Promise<void> {
    Object.assign(this.#of(provider), { failures: 0, circuit: null, probingUntil: 0 });
    return Promise.resolve();
  }

  probeInconclusive(provider: string): Promise<void> {
    this.#of(provider).probingUntil = 0;
    return Promise.resolve();
  }

  #look(provider: string, now: number): LaneCheck {
    const { pausedUntil, circuit, failures, probingUntil } = this.#of(provider);
    if (pausedUntil > now) return { kind: 'paused', until: pausedUntil };
    if (!circuit) return { kind: 'go', probe: false, hadFailures: failures > 0 };
    if (circuit.openUntil > now) return { kind: 'open', until: circuit.openUntil };
    if (probingUntil > now) return { kind: 'open', until: now + FIRST_COOLDOWN_MS };
    this.#of(provider).probingUntil = now + PROBE_MS;
    return { kind: 'go', probe: true, hadFailures: true };
  }

  #of(provider: string): Known {
    const known = this.#known.get(provider) ?? { pausedUntil: 0, failures: 0, failedAt: 0, circuit: null, probingUntil: 0 };
    this.#known.set(provider, known);
    return known;
  }
}
