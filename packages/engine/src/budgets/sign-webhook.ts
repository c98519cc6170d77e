import { Webhook } from 'standardwebhooks';

/** Secrets that webhooks are signed with. Receivers take a message that any one of them has signed, so that they can be rotated. */
export type WebhookSecrets = readonly string[];

const MIN_BYTES = 24;
const MAX_BYTES = 64;

/**
 * Reads `whsec_<base64>`, comma-separated.
 * @throws Error saying what a secret must look like; it does not repeat the text.
 */
export function parseWebhookSecrets(text: string): WebhookSecrets {
  const secrets = text.split(',').map((secret) => secret.trim());
  for (const secret of secrets) {
    const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1];
    const bytes = Buffer.from(encoded ?? '', 'base64').length;
    if (bytes < MIN_BYTES || bytes > MAX_BYTES)
      throw new Error(`must be whsec_ and base64 of ${MIN_BYTES} to ${MAX_BYTES} bytes, separated by commas`);
  }
  return secrets;
}

/** @returns the headers of a message by https://www.standardwebhooks.com: its id, the time of this attempt, and a signature by each secret. */
export function webhookHeaders(secrets: WebhookSecrets, message: { id: string; at: Date; body: string }): Record<string, string> {
  const { id, at, body } = message;
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, at, body)).join(' '),
  };
}
