import { setFlagsFromString } from 'node:v8';

/**
 * Lets V8 collect garbage once a process holds so much more than is in use. By itself it lets a small heap grow to four times that, and
 * each process by a hundred megabytes for nothing. At 30 % a cache hit costs the API a sixth more CPU than without; 60 % lies between.
 */
export const collectEarly = (): void => setFlagsFromString('--heap-growing-percent=60');
