import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LOG_LEVELS, parseEnvOrExit } from '@llm-gateway/shared';
import { z } from 'zod';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const databaseUrl = z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgresql:// URL' });

const vendorKeys = {
  ANTHROPIC_API_KEY: z.string().optional(),
  OPENAI_API_KEY: z.string().optional(),
  GEMINI_API_KEY: z.string().optional(),
  TOGETHER_API_KEY: z.string().optional(),
  MISTRAL_API_KEY: z.string().optional(),
};
export type VendorKeys = z.output<z.ZodObject<typeof vendorKeys>>;

const standaloneEnv = z.object({
  PORT: z.coerce.number('must be a port').int().min(0, 'must be a port').max(65_535, 'must be a port').default(8200),
  // Keys are printed and stand-ins may answer: for this machine alone, unless told otherwise.
  HOST: z.string().default('127.0.0.1'),
  DATA_DIR: z
    .string()
    .default(join(root, '.data'))
    .transform((path) => resolve(path)),
  DATABASE_URL: databaseUrl.optional(),
  REDIS_URL: z.url({ protocol: /^rediss?$/, error: 'must be a redis:// URL' }).optional(),
  SERVICE_KEYS: z.string().optional(),
  ADMIN_KEYS: z.string().optional(),
  ENCRYPTION_KEYS: z.string().optional(),
  EGRESS_ALLOW: z.string().optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  ...vendorKeys,
});

export type StandaloneEnv = z.output<typeof standaloneEnv> & {
  /** What API and worker inherit: all of ours but the vendors' keys, which they take from the database, and which SDKs would pick up. */
  inherited: Record<string, string | undefined>;
};

/** The settings of `npm start`. With a faulty one: one line per problem on standard error, and exit with 1. */
export function readEnv(): StandaloneEnv {
  const settings = parseEnvOrExit(standaloneEnv, process.env);
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !(name in vendorKeys)));
  return { ...settings, inherited };
}

/** The settings of `npm run migrate`. */
export const readMigrateEnv = () => parseEnvOrExit(z.object({ DATABASE_URL: databaseUrl }), process.env);
