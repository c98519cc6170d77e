import { parseEncryptionKeys } from '@llm-gateway/db';
import { EnvError, parsedBy, parseEnv, postgresUrl } from '@llm-gateway/shared';
import { z } from 'zod';
import { EXIT } from './command.js';

/** Where `prices:refresh` keeps the price table that takes the place of the bundled one. */
const PRICES_FILE = z.string().optional();
const cliEnv = z.object({ DATABASE_URL: postgresUrl, PRICES_FILE });

/** The settings of the commands on the database. With a faulty one: one line per problem on standard error, and exit with 1. */
export const readEnv = () => readOrExit(cliEnv);

/** The settings of `prices:refresh`, which needs no database. */
export const readPricesEnv = () => readOrExit(z.object({ PRICES_FILE }));

/** The settings of the commands that ask a running gateway. */
export const readGatewayEnv = () =>
  readOrExit(
    z.object({
      LGW_URL: z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' }).default('http://127.0.0.1:8200'),
      LGW_ADMIN_KEY: z.string().regex(/^[\x21-\x7e]{1,512}$/, 'must be a key of printable ASCII without spaces'),
    }),
  );

/** What `keys:reencrypt` needs besides the database. */
export const readKeysEnv = () => readOrExit(z.object({ ENCRYPTION_KEYS: parsedBy(parseEncryptionKeys) }));

const FOUND_BESIDE = 'npm run finds it beside a running npm start with the same DATA_DIR: start that, or set what is missing';

function readOrExit<T extends z.ZodType>(schema: T): z.output<T> {
  try {
    return parseEnv(schema, process.env);
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
    console.error(error.message);
    if (error.message.includes('not set')) console.error(FOUND_BESIDE);
    process.exit(EXIT.failed);
  }
}
