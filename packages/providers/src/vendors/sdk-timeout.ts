/**
 * The SDKs' own timers are kept out of the way: they stop at the headers, and ours ends the call first.
 */
export const sdkTimeout = ({ timeoutMs }: { timeoutMs: number }) => ({ timeout: timeoutMs + 60_000 });
