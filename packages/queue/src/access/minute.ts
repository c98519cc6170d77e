/** What is left of a minute's requests, and how a minute is cut into parts that are forgotten one by one. */
export interface MinuteShare {
  taken: boolean;
  /** What is left of this minute. */
  remaining: number;
  /** Until the oldest of those that count is forgotten. */
  resetsInMs: number;
}

/** A second counts as a whole until its last request is a minute old: never more than the limit in any 60 s, and all of it in any 61. */
export const COUNTED_SECONDS = 61;
