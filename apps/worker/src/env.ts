import { parseEncryptionKeys } from '@llm-gateway/db';
import { parseWebhookSecrets } from '@llm-gateway/engine';
import { parseEgressAllow } from '@llm-gateway/providers';
import { gatewaySettings, parsedBy, parseEnvOrExit, wholeNumber } from '@llm-gateway/shared';
import { z } from 'zod';

const names = z
  .string()
  .transform((text) => text.split(',').map((name) => name.trim()))
  .pipe(z.array(z.string().regex(/^[a-z0-9-]{1,40}$/, 'must be names of providers, separated by commas')).min(1));

const workerEnv = z.object({
  ...gatewaySettings,
  ENCRYPTION_KEYS: parsedBy(parseEncryptionKeys),
  EGRESS_ALLOW: parsedBy(parseEgressAllow).prefault(''),
  /** Serve just these providers; unset: all. */
  WORKER_PROVIDERS: names.optional(),
  /** Jobs at once on each provider's queue. */
  WORKER_CONCURRENCY: wholeNumber(1, 10_000).default(100),
  /** Touched every second while the process lives, for a container's health check. */
  HEALTH_FILE: z.string().default('/tmp/worker-alive'),
  /** Signs webhooks: `whsec_<base64>`, several for a rotation. Unset: alerts are listed, and sent nowhere. */
  WEBHOOK_SECRET: parsedBy(parseWebhookSecrets).optional(),
  /** Days for which rows of usage are kept, by whole months; unset: for ever. Their sums stay. */
  USAGE_RETENTION_DAYS: wholeNumber(1, 36_500).optional(),
  /** A listener for `/metrics` alone; unset: none. Not METRICS_PORT, for the API may run on the same host. */
  WORKER_METRICS_PORT: wholeNumber(0, 65_535).optional(),
  /** A price table kept by `prices:refresh`; unset: the bundled one. */
  PRICES_FILE: z.string().optional(),
});
export type Env = z.output<typeof workerEnv>;

/** The process's settings. With a faulty one: one line per problem on standard error, and exit with 1. */
export const readEnv = (): Env => parseEnvOrExit(workerEnv, process.env);
