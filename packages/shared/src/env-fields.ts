/** The kinds of settings that our processes share, each with the complaint that its malformed value gets. */
import { z } from 'zod';
import { LOG_LEVELS } from './logger.js';

/** `redis://host:port/db`, or `rediss://` for TLS. */
export const redisUrl = z
  .url({ protocol: /^rediss?$/, error: 'must be a redis:// or rediss:// URL', abort: true })
  .refine(
    (url) => /^\/?$|^\/\d{1,4}$/.test(URL.parse(url)?.pathname ?? ''),
    'must end with the number of a database, such as /3',
  );

export const postgresUrl = z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgresql:// URL' });

export const wholeNumber = (min: number, max: number) => {
  const problem = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, problem)
    .transform(Number)
    .pipe(z.int().min(min, problem).max(max, problem));
};

/** A setting with a grammar of its own: what its parser throws is the problem's text. */
export const parsedBy = <T>(parser: (text: string) => T) =>
  z.string().transform((text, context): T => {
    try {
      return parser(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'is malformed' });
      return z.NEVER;
    }
  });

/** Keys of callers, separated by commas. */
export const keyList = z
  .string()
  .transform((text) => text.split(',').map((key) => key.trim()))
  .pipe(
    z
      .array(z.string().regex(/^[\x21-\x7e]{1,512}$/, 'must be keys of printable ASCII without spaces, separated by commas'))
      .min(1),
  );

/** A secret that a machine shows, long enough not to be guessed. */
const machineToken = z.string().regex(/^[\x21-\x7e]{16,512}$/, 'must be 16 to 512 characters of printable ASCII without spaces');

/** What every process of the gateway is told alike: a replica that reads one of these differently is in another gateway. */
export const gatewaySettings = {
  DATABASE_URL: postgresUrl,
  REDIS_URL: redisUrl.default('redis://127.0.0.1:6379/3'),
  /** Unset: the cache is where the queues are. */
  CACHE_REDIS_URL: redisUrl.optional(),
  /** Shown by whoever reads `/metrics`, as a Bearer token. */
  METRICS_TOKEN: machineToken.optional(),
  /** Where the listeners for metrics alone listen, where they are asked for by their ports. */
  METRICS_HOST: z.string().default('127.0.0.1'),
  SHUTDOWN_TIMEOUT_MS: wholeNumber(0, 3_600_000).default(30_000),
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
};
