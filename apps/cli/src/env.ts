import { parseEnvOrExit, postgresUrl } from '@llm-gateway/shared';
import { z } from 'zod';

const cliEnv = z.object({ DATABASE_URL: postgresUrl });

/** The settings of every command. With a faulty one: one line per problem on standard error, and exit with 1. */
export const readEnv = () => parseEnvOrExit(cliEnv, process.env);
