/** When a provider's circuit opens and for how long: the same numbers wherever the circuit is kept. */

/** So many failures in a row, none further apart than the window, open the circuit. */
export const FAILURES_TO_OPEN = 5;
export const FAILURE_WINDOW_MS = 30_000;
export const FIRST_COOLDOWN_MS = 5_000;
export const LONGEST_COOLDOWN_MS = 60_000;
/** A probe that says nothing for this long has died; another may try. */
export const PROBE_MS = 30_000;
export const LONGEST_PAUSE_MS = 600_000;
