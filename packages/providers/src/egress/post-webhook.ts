/** One POST to an address that an administrator has entered: under the egress guard, without redirects, within a time. */
import { request } from 'undici';
import { agentFor, EgressRefusedError } from './agent.js';
import { checkWebhookUrl } from './check-base-url.js';
import type { EgressRules } from './rules.js';

/** The answer's body is of no interest; a connection is kept for a short one only. */
const MAX_BODY_BYTES = 65_536;

export interface WebhookPost {
  url: string;
  headers: Record<string, string>;
  body: string;
  timeoutMs: number;
  rules: EgressRules;
}

/** @returns null when the receiver accepted it (2xx), else why not, in words without secrets (nor the URL, which may hold one). */
export async function postWebhook({ url, headers, body, timeoutMs, rules }: WebhookPost): Promise<string | null> {
  // Again, although it was checked when it was saved: the rules may have changed, and the agent's guard sees names only.
  const refused = checkWebhookUrl(url, rules);
  if (refused !== null) return refused;
  // A controller and a timer that is held: signals from AbortSignal.timeout can be garbage collected before they fire.
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  try {
    const answer = await request(url, { method: 'POST', headers, body, dispatcher: agentFor(rules), signal: controller.signal });
    // The status is the receiver's word. Were an accepted message sent again because its answer's body does not end, it would be for ever.
    await answer.body.dump({ limit: MAX_BODY_BYTES, signal: controller.signal }).catch(() => undefined);
    return answer.statusCode >= 200 && answer.statusCode < 300 ? null : `the receiver answered with status ${answer.statusCode}`;
  } catch (error) {
    if (controller.signal.aborted) return `no answer within ${timeoutMs} ms`;
    return describe(error);
  } finally {
    clearTimeout(timer);
  }
}

function describe(error: unknown): string {
  if (error instanceof EgressRefusedError) return error.message;
  const code = (error as { code?: unknown } | null)?.code;
  return `the receiver could not be reached${typeof code === 'string' ? ` (${code.slice(0, 40)})` : ''}`;
}
