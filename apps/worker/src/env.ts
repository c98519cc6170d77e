import { parseEncryptionKeys } from '@llm-gateway/db';
import { parseEgressAllow } from '@llm-gateway/providers';
import { LOG_LEVELS, parsedBy, parseEnvOrExit, postgresUrl, redisUrl, wholeNumber } from '@llm-gateway/shared';
import { z } from 'zod';

const names = z.string().transform((text) =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean),
);

const workerEnv = z.object({
  DATABASE_URL: postgresUrl,
  REDIS_URL: redisUrl.default('redis://127.0.0.1:6379/3'),
  CACHE_REDIS_URL: redisUrl.optional(),
  ENCRYPTION_KEYS: parsedBy(parseEncryptionKeys),
  EGRESS_ALLOW: parsedBy(parseEgressAllow).prefault(''),
  /** Serve just these providers; unset: all. */
  WORKER_PROVIDERS: names.optional(),
  /** Jobs at once on each provider's queue. */
  WORKER_CONCURRENCY: wholeNumber(1, 10_000).default(100),
  SHUTDOWN_TIMEOUT_MS: wholeNumber(0, 3_600_000).default(30_000),
  /** Touched every second while the process lives, for a container's health check. */
  HEALTH_FILE: z.string().default('/tmp/worker-alive'),
  /** A price table kept by `prices:refresh`; unset: the bundled one. */
  PRICES_FILE: z.string().optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
});
export type Env = z.output<typeof workerEnv>;

/** The process's settings. With a faulty one: one line per problem on standard error, and exit with 1. */
export const readEnv = (): Env => parseEnvOrExit(workerEnv, process.env);
