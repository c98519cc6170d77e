/** One GET of a small document from an address that the operator has set: under the egress guard, without redirects, within a time. */
import { request } from 'undici';
import { agentFor } from './agent.js';
import { refusal } from './check-base-url.js';
import type { EgressRules } from './rules.js';

const MAX_BYTES = 1_048_576;

export interface DocumentRequest {
  /** What the address is called where it is set, for the refusal. */
  field: string;
  url: string;
  timeoutMs: number;
  rules: EgressRules;
}

/** @throws Error for anything but a 200 with at most 1 MiB in time, and for an address that the rules do not allow. */
export async function getDocument({ field, url, timeoutMs, rules }: DocumentRequest): Promise<string> {
  const refused = refusal(field, url, rules);
  if (refused !== null) throw new Error(refused);
  // A controller and a timer that is held: signals from AbortSignal.timeout can be garbage collected before they fire.
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  try {
    const answer = await request(url, { dispatcher: agentFor(rules), signal: controller.signal });
    if (answer.statusCode !== 200) {
      await answer.body.dump({ limit: MAX_BYTES, signal: controller.signal });
      throw new Error(`${field} answered with status ${answer.statusCode}`);
    }
    const text = await answer.body.text();
    if (Buffer.byteLength(text) > MAX_BYTES) throw new Error(`${field} answered with more than ${MAX_BYTES} bytes`);
    return text;
  } finally {
    clearTimeout(timer);
  }
}
