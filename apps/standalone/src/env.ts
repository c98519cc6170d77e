import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEncryptionKeys } from '@llm-gateway/db';
import { gatewaySettings, keyList, parsedBy, parseEnvOrExit, postgresUrl, redisUrl, wholeNumber } from '@llm-gateway/shared';
import { z } from 'zod';

const root = fileURLToPath(new URL('../../..', import.meta.url));

const vendorKeys = {
  ANTHROPIC_API_KEY: z.string().optional(),
  OPENAI_API_KEY: z.string().optional(),
  GEMINI_API_KEY: z.string().optional(),
  TOGETHER_API_KEY: z.string().optional(),
  MISTRAL_API_KEY: z.string().optional(),
};
export type VendorKeys = z.output<z.ZodObject<typeof vendorKeys>>;

/** Checked here, before anything is started for it, and read by the API and the worker. */
const keysOfCallers = keyList.transform((keys) => keys.join(','));
const encryptionKeys = parsedBy((text) => {
  parseEncryptionKeys(text);
  return text;
});

export const standaloneEnv = z.object({
  ...gatewaySettings,
  PORT: wholeNumber(0, 65_535).default(8200),
  // Keys are printed and stand-ins may answer: for this machine alone, unless told otherwise.
  HOST: z.string().default('127.0.0.1'),
  DATA_DIR: z
    .string()
    .default(join(root, '.data'))
    .transform((path) => resolve(path)),
  /** Of these two, unset: embedded servers. */
  DATABASE_URL: postgresUrl.optional(),
  REDIS_URL: redisUrl.optional(),
  SERVICE_KEYS: keysOfCallers.optional(),
  ADMIN_KEYS: keysOfCallers.optional(),
  ENCRYPTION_KEYS: encryptionKeys.optional(),
  /** Its grammar is the providers' package's: the API and the worker refuse a faulty one. */
  EGRESS_ALLOW: z.string().optional(),
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
export const readMigrateEnv = () => parseEnvOrExit(z.object({ DATABASE_URL: postgresUrl }), process.env);
