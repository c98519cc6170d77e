import { parseEncryptionKeys } from '@llm-gateway/db';
import { parsedBy, parseEnvOrExit, postgresUrl } from '@llm-gateway/shared';
import { z } from 'zod';

/** Where `prices:refresh` keeps the price table that takes the place of the bundled one. */
const PRICES_FILE = z.string().optional();
const cliEnv = z.object({ DATABASE_URL: postgresUrl, PRICES_FILE });

/** The settings of the commands on the database. With a faulty one: one line per problem on standard error, and exit with 1. */
export const readEnv = () => parseEnvOrExit(cliEnv, process.env);

/** The settings of `prices:refresh`, which needs no database. */
export const readPricesEnv = () => parseEnvOrExit(z.object({ PRICES_FILE }), process.env);

/** The settings of the commands that ask a running gateway. */
export const readGatewayEnv = () =>
  parseEnvOrExit(
    z.object({
      LGW_URL: z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' }).default('http://127.0.0.1:8200'),
      LGW_ADMIN_KEY: z.string().regex(/^[\x21-\x7e]{1,512}$/, 'must be a key of printable ASCII without spaces'),
    }),
    process.env,
  );
/** What `keys:reencrypt` needs besides the database. */
export const readKeysEnv = () => parseEnvOrExit(z.object({ ENCRYPTION_KEYS: parsedBy(parseEncryptionKeys) }), process.env);
