import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEncryptionKeys, type EncryptionKeys } from '@llm-gateway/db';
import { parseEgressAllow, type EgressRules } from '@llm-gateway/providers';
import { gatewaySettings, keyList, parsedBy, parseEnvOrExit, wholeNumber } from '@llm-gateway/shared';
import { z } from 'zod';
import { checkJwt, jwtFields } from './auth/jwt/settings.js';

export const apiEnv = z
  .object({
    PORT: wholeNumber(0, 65_535).default(8200),
    HOST: z.string().default('0.0.0.0'),
    ...gatewaySettings,
    SERVICE_KEYS: keyList,
    ADMIN_KEYS: keyList,
    /** The cookies of the admin's pages only ever over https. Behind a proxy that sends X-Forwarded-Proto that is so anyway. */
    ADMIN_COOKIE_SECURE: z.stringbool().default(false),
    ...jwtFields,
    ENCRYPTION_KEYS: parsedBy<EncryptionKeys>(parseEncryptionKeys),
    MAX_BODY_BYTES: wholeNumber(1_024, 100 * 1_048_576).default(1_048_576),
    QUEUE_MAX_DEPTH: wholeNumber(1, 10_000_000).default(10_000),
    CACHE_TTL_SECONDS: wholeNumber(1, 31_536_000).default(3_600),
    /** Requests that this process may serve itself at a time while Redis or a lane's workers are down; 0: none. */
    DIRECT_MODE_MAX_CONCURRENCY: wholeNumber(0, 10_000).default(64),
    /** Replicas that share a limit without Redis, for a process that has not been able to count them there since its start. */
    API_REPLICAS: wholeNumber(1, 10_000).default(1),
    /** A listener for `/metrics` alone; unset: none. */
    METRICS_PORT: wholeNumber(0, 65_535).optional(),
    /** Where usage rows wait that neither Redis nor PostgreSQL takes. */
    USAGE_SPOOL_DIR: z.string().default(join(tmpdir(), 'llm-gateway-usage-spool')),
    USAGE_SPOOL_MAX_BYTES: wholeNumber(65_536, 100_000_000_000).default(67_108_864),
    EGRESS_ALLOW: parsedBy<EgressRules>(parseEgressAllow).prefault(''),
    /** A price table kept by `prices:refresh`; unset: the bundled one. */
    PRICES_FILE: z.string().optional(),
  })
  .superRefine(checkJwt)
  .transform((env) => ({ ...env, CACHE_REDIS_URL: env.CACHE_REDIS_URL ?? env.REDIS_URL }));

export type Env = z.output<typeof apiEnv>;

/** The process's settings. With a faulty one: one line per problem on standard error, and exit with 1. */
export const readEnv = (): Env => parseEnvOrExit(apiEnv, process.env);
