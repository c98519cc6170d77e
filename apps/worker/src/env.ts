import { LOG_LEVELS, parseEnvOrExit } from '@llm-gateway/shared';
import { parseEncryptionKeys } from '@llm-gateway/db';
import { parseEgressAllow } from '@llm-gateway/providers';
import { z } from 'zod';

/** A setting whose text has a parser of its own; its complaint becomes the variable's. */
const parsedBy = <T>(parse: (text: string) => T) =>
  z.string().transform((text, context) => {
    try {
      return parse(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'is malformed' });
      return z.NEVER;
    }
  });

const names = z.string().transform((text) =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean),
);

const schema = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgresql:// URL' }),
  REDIS_URL: z.url({ protocol: /^rediss?$/, error: 'must be a redis:// URL' }).default('redis://127.0.0.1:6379/3'),
  CACHE_REDIS_URL: z.url({ protocol: /^rediss?$/, error: 'must be a redis:// URL' }).optional(),
  ENCRYPTION_KEYS: parsedBy(parseEncryptionKeys),
  EGRESS_ALLOW: parsedBy(parseEgressAllow).prefault(''),
  WORKER_PROVIDERS: names.optional(),
  WORKER_CONCURRENCY: z.coerce.number().int().min(1).max(10_000).default(100),
  SHUTDOWN_TIMEOUT_MS: z.coerce.number().int().min(0).max(3_600_000).default(30_000),
  HEALTH_FILE: z.string().default('/tmp/worker-alive'),
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
});
export type Env = z.output<typeof schema>;

export const readEnv = (): Env => parseEnvOrExit(schema, process.env);
