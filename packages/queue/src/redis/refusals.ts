/** Failures of Redis after which it is certain that a command was not carried out. All others leave that open. */

/** Redis' own words: full, a replica, loading, or without the disk or the peers that it must have. A script that starts so has written nothing. */
const REFUSED = /^(OOM|READONLY|LOADING|MISCONF|NOREPLICAS|MASTERDOWN|CLUSTERDOWN|BUSY|TRYAGAIN) /;
/** ioredis' and our own words for a command that never left the process. */
const NEVER_SENT = /^(Stream isn't writeable|redis cannot be reached)/;

/** @returns true where Redis says no to a command that it would carry out at another time. */
export const isRedisRefusal = (error: unknown): boolean => error instanceof Error && REFUSED.test(error.message);

/** @returns true where a command was certainly not carried out, and never will be. */
export const wasNotCarriedOut = (error: unknown): boolean =>
  error instanceof Error && (REFUSED.test(error.message) || NEVER_SENT.test(error.message));
