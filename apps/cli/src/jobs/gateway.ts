/** The commands on jobs ask a running gateway over HTTP: what they do there is checked, limited and recorded as any admin's call. */
import { OperatorError, type Surroundings } from '../command.js';

/** Longer than the longest call, a thousand replays. */
const PATIENCE_MS = 120_000;

export interface Job {
  id: string;
  status: string;
  service: string;
  customer_id: string | null;
  provider: string | null;
  created_at: string;
  error?: { code: string; message: string };
  replay_of?: string;
  replayed_by?: string;
}

/** @throws OperatorError with the gateway's own words, or that it cannot be reached. */
export async function callGateway<T>(
  { gateway, signal }: Pick<Surroundings, 'gateway' | 'signal'>,
  method: string,
  path: string,
  body?: object,
): Promise<T> {
  const { url, adminKey } = gateway();
  const response = await fetch(new URL(path, url), {
    method,
    headers: { 'x-service-key': adminKey, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
    // The key goes to the gateway that the operator named, and nowhere else.
    redirect: 'error',
    signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
  }).catch((error: unknown) => {
    throw new OperatorError(`the gateway at ${new URL(url).origin} cannot be reached`, { cause: error });
  });
  const answer = (await response.json().catch(() => null)) as (T & { error?: { code: string; message: string } }) | null;
  if (!answer) throw new OperatorError(`what answers at ${new URL(url).origin} is no gateway (${response.status})`);
  if (!response.ok) throw new OperatorError(`${answer.error?.code ?? response.status}: ${answer.error?.message ?? 'refused'}`);
  return answer;
}
