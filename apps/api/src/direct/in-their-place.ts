/** A request whose lanes have no worker: carried out here in a worker's place, and in Redis like any other. */
import { isReplicaAlive, laneOf, type GenerateJobPayload, type Outcome, type StoredRequest } from '@llm-gateway/queue';
import { removeWaiting } from '../generate/await-outcome.js';
import type { Call } from '../generate/call.js';
import type { GenerateDeps } from '../generate/deps.js';
import type { Plan } from '../generate/plan.js';
import { redisOrNotQueued } from '../generate/refusal.js';
import type { PassOn, Place } from './direct-mode.js';

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
    const { id } = planned.head;
    const [, isOurs] = await redisOrNotQueued(Promise.all([deps.store.admit(planned.head), takeHere(deps, id)]));
    if (!isOurs) {
      // Another replica has it: its outcome will be heard.
      deps.direct.leave(place);
      return { outcome: new Promise(() => undefined), stop: () => undefined };
    }
  } catch (error) {
    deps.direct.leave(place);
    throw error;
  }
  return begin(deps, call, planned, { place, hop: 0 });
}

/** For a request on its queue: begins as soon as nobody is left to take it from there, unless a worker holds it. */
export function beginWhenDeserted(deps: GenerateDeps, call: Call, planned: Plan): Here {
  const { id } = planned.head;
  let begun: (here: Here) => void = () => undefined;
  const taken = new Promise<Here>((resolve) => (begun = resolve));
  const unwatch = deps.vacancies.watch(id, async () => {
    if (!planned.candidates.some(({ provider }) => deps.lanes.isWorkerless(provider))) return;
    const stored = await deps.store.read(id);
    // A worker may have sent it on, to a lane that has no other.
    const lane = stored?.head.lanes[stored.hop];
    if (!stored || lane === undefined || !(workersAreAway(deps, planned) || deps.lanes.isDeserted(lane))) return;
    const place = deps.direct.enter(id);
    if (!place) return;
    let isOurs = false;
    try {
      isOurs = await takeFromQueue(deps, stored);
    } finally {
      if (!isOurs) deps.direct.leave(place);
    }
    if (!isOurs) return;
    unwatch();
    const candidates = planned.candidates.filter(({ provider }) => stored.head.lanes.includes(provider));
    begun(begin(deps, call, { ...planned, head: stored.head, candidates }, { place, hop: stored.hop }));
  });
  const stop = (): void => {
    unwatch();
    void taken.then((here) => here.stop());
  };
  return { outcome: taken.then((here) => here.outcome), stop };
}

/**
 * Whoever has said that it carries the request out, and finds its job waiting or nowhere, is the only one to have it. Nowhere: the reply to an
 * earlier removal was lost, or another replica died over it.
 */
async function takeFromQueue(deps: GenerateDeps, { head, hop }: StoredRequest): Promise<boolean> {
  if (!(await takeHere(deps, head.id))) return false;
  if ((await removeWaiting(deps, head.id)) || (await isNowhere(deps, head, hop))) return true;
  await deps.store.leaveHere(head.id);
  return false;
}

async function isNowhere({ belt, store }: GenerateDeps, { id, lanes }: StoredRequest['head'], hop: number): Promise<boolean> {
  if ((await belt.state(lanes[hop] ?? '', id, hop)) !== 'gone') return false;
  const now = await store.read(id);
  return now?.hop === hop && now.attempts.length === 0;
}

/** So that those who look for its job know where it is. @returns false while another replica has it, and once it has ended. */
async function takeHere({ store, redis, apiId }: GenerateDeps, id: string): Promise<boolean> {
  if (await store.takeHere(id, apiId)) return true;
  const holder = (await store.read(id))?.here ?? null;
  if (holder === null || holder === apiId || (await isReplicaAlive(redis, holder))) return false;
  return store.takeHere(id, apiId, holder);
}

interface Stand {
  place: Place;
  hop: number;
}

/** Carried out here until it ends, or comes to a lane that has workers: from there on it is on a queue like any other. */
function begin(deps: GenerateDeps, call: Call, planned: Plan, { place, hop }: Stand): Here {
  const { head, candidates } = planned;
  call.markDirect();
  const payload: GenerateJobPayload = { v: 1, head, request: call.request, candidates, hop };
  const request = { payload, place, signal: new AbortController().signal };
  const ended = deps.direct.inTheirPlace(request, (later) => passOn(deps, later));
  const stopped = new AbortController();
  const outcome = ended.then((known) => {
    if (known) return known;
    const queued = beginWhenDeserted(deps, call, planned);
    if (stopped.signal.aborted) queued.stop();
    else stopped.signal.addEventListener('abort', () => queued.stop());
    return queued.outcome;
  });
  return { outcome, stop: () => stopped.abort() };
}

async function passOn({ lanes, belt, store }: GenerateDeps, payload: GenerateJobPayload): ReturnType<PassOn> {
  if (!lanes.isServed(laneOf(payload).provider)) return false;
  await belt.enqueue(payload);
  // Where that is not heard, it says for as long as this process lives that the request is here: nobody makes another job then.
  await store.leaveHere(payload.head.id).catch(() => undefined);
  return true;
}
