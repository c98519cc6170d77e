import { attempt, endAbandoned } from '@llm-gateway/engine';
import type { GenerateJobPayload, LaneResult } from '@llm-gateway/queue';
import type { WorkerDeps } from './worker-deps.js';

/** {@link attempt}, with our own faults turned into an answer for the caller: a bug must not leave anybody waiting. */
export async function handleJob(deps: WorkerDeps, payload: GenerateJobPayload, signal: AbortSignal): Promise<LaneResult> {
  try {
    return await attempt(deps, payload, signal);
  } catch (error) {
    const requestId = payload.head.id;
    deps.logger.error(
      { err: error, requestId, provider: payload.candidates[payload.hop]?.provider },
      'job failed by an internal fault',
    );
    await endAbandoned(deps, requestId, { code: 'internal', message: 'the gateway failed to carry out the request' });
    // The text is stored with the job and shown on the board, so it says nothing of the inside.
    return { kind: 'failed', message: 'internal: the gateway failed to carry out the request' };
  }
}
