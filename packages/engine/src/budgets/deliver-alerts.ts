/** Tells webhooks of alerts, each until its receiver accepts it. Runs in every worker; the database says whose turn an alert is. */
import { claimDueAlerts, markDelivered, markUndelivered, type Db, type DueAlert } from '@llm-gateway/db';
import { postWebhook, type EgressRules } from '@llm-gateway/providers';
import type { Logger } from '@llm-gateway/shared';
import { webhookHeaders, type WebhookSecrets } from './sign-webhook.js';

const EVERY_MS = 1_000;
const AT_ONCE = 10;
const TIMEOUT_MS = 10_000;
/** Longer than an attempt may take: a process that dies over it leaves the alert to others after this. */
const LEASE_MS = 30_000;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 3_600_000;

export interface AlertDeliveryDeps {
  db: Db;
  egressAllow: EgressRules;
  /** undefined: nothing is sent, for a receiver could not tell it from a forgery. */
  secrets: WebhookSecrets | undefined;
  logger: Logger;
}

/** @returns a function that stops it; an attempt under way is let finish. */
export function startAlertDelivery(deps: AlertDeliveryDeps): () => Promise<void> {
  let busy: Promise<void> | null = null;
  let reported = false;
  const deliver = async (): Promise<void> => {
    try {
      const due = await claimDueAlerts(deps.db, AT_ONCE, LEASE_MS);
      await Promise.all(due.map((alert) => deliverOne(deps, alert)));
      reported = false;
    } catch (error) {
      if (!reported) deps.logger.warn({ err: error }, 'alerts could not be delivered, trying again');
      reported = true;
    }
  };
  const tick = (): void => {
    busy ??= deliver().finally(() => (busy = null));
  };
  const timer = setInterval(tick, EVERY_MS);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await busy;
  };
}

async function deliverOne(
  { db, egressAllow, secrets, logger }: AlertDeliveryDeps,
  { content, webhookUrl, attempt }: DueAlert,
): Promise<void> {
  const body = JSON.stringify({ type: 'budget.threshold_reached', timestamp: content.created_at, data: content });
  const problem = secrets
    ? await postWebhook({
        url: webhookUrl,
        headers: webhookHeaders(secrets, { id: content.id, at: new Date(), body }),
        body,
        timeoutMs: TIMEOUT_MS,
        rules: egressAllow,
      })
    : 'WEBHOOK_SECRET is not set: without a signature nothing is sent';
  if (problem === null) {
    await markDelivered(db, content.id);
    logger.info({ alertId: content.id, budgetId: content.budget_id, attempt }, 'alert delivered');
    return;
  }
  const retryInMs = retryAfter(attempt);
  await markUndelivered(db, content.id, problem, retryInMs);
  logger.warn(
    { alertId: content.id, budgetId: content.budget_id, attempt, problem, retryInMs },
    'alert not accepted, it is sent again',
  );
}

/** Doubling, with jitter over the upper half, an hour at most: a receiver that was down for days is told within an hour. */
function retryAfter(attempt: number): number {
  const ceiling = Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempt - 1, 20), LONGEST_RETRY_MS);
  return Math.round(ceiling / 2 + Math.random() * (ceiling / 2));
}
