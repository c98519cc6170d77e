/** A request whose lanes have no worker: carried out here in a worker's place, and in Redis like any other. */
import type { GenerateJobPayload, Outcome } from '@llm-gateway/queue';
import { removeWaiting } from '../generate/await-outcome.js';
import type { Call } from '../generate/call.js';
import type { GenerateDeps } from '../generate/deps.js';
import type { Plan } from '../generate/plan.js';
import { redisOrNotQueued } from '../generate/refusal.js';
import type { Place } from './direct-mode.js';

/** A request that is, or may yet be, carried out here. */
export interface Here {
  outcome: Promise<Outcome>;
  /** The wait for it is over. */
  stop(): void;
}

/** Would nobody take its job just now? */
const workersAreAway = ({ lanes }: GenerateDeps, { candidates }: Plan): boolean =>
  candidates.every(({ provider }) => lanes.isWorkerless(provider));

/**
 * Begins where no worker is there and this process has a place. The wait for it, and what a hang-up or a cancellation means, are those of a
 * job in a worker's hands. @returns null where it belongs on its queue. @throws NotQueued where Redis is away after all.
 */
export async function beginUnlessServed(deps: GenerateDeps, call: Call, planned: Plan): Promise<Here | null> {
  const place = workersAreAway(deps, planned) ? deps.direct.enter(planned.head.id) : null;
  if (!place) return null;
  try {
    await redisOrNotQueued(deps.store.admit(planned.head));
  } catch (error) {
    deps.direct.leave(place);
    throw error;
  }
  return { outcome: carryOut(deps, call, planned, { place, hop: 0 }), stop: () => undefined };
}

/** For a request on its queue: begins as soon as nobody is left to take it from there, unless a worker holds it. */
export function beginWhenDeserted(deps: GenerateDeps, call: Call, planned: Plan): Here {
  const { id } = planned.head;
  let begun: (outcome: Promise<Outcome>) => void = () => undefined;
  const outcome = new Promise<Outcome>((resolve) => (begun = resolve));
  const stop = deps.vacancies.watch(id, async () => {
    if (!planned.candidates.some(({ provider }) => deps.lanes.isWorkerless(provider))) return;
    const stored = await deps.store.read(id);
    // A worker may have sent it on, to a lane that has no other.
    const lane = stored?.head.lanes[stored.hop];
    if (!stored || lane === undefined || !(workersAreAway(deps, planned) || deps.lanes.isDeserted(lane))) return;
    // Whoever takes the job out of the queue is the only one to have it.
    const place = deps.direct.enter(id);
    if (!place) return;
    let taken = false;
    try {
      taken = await removeWaiting(deps, id);
    } finally {
      if (!taken) deps.direct.leave(place);
    }
    if (!taken) return;
    stop();
    const candidates = planned.candidates.filter(({ provider }) => stored.head.lanes.includes(provider));
    begun(carryOut(deps, call, { ...planned, head: stored.head, candidates }, { place, hop: stored.hop }));
  });
  return { outcome, stop };
}

interface Stand {
  place: Place;
  hop: number;
}

function carryOut({ direct }: GenerateDeps, call: Call, { head, candidates }: Plan, { place, hop }: Stand): Promise<Outcome> {
  call.markDirect();
  const payload: GenerateJobPayload = { v: 1, head, request: call.request, candidates, hop };
  return direct.inTheirPlace({ payload, place, signal: new AbortController().signal });
}
