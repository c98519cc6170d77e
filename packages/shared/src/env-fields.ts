/** The kinds of settings that our processes share, each with the complaint that its malformed value gets. */
import { z } from 'zod';

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
