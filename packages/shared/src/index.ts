/** The vocabulary of the gateway, and how its processes begin (settings) and end. No I/O but the logger's. */
export * from './audit.js';
export * from './budget.js';
export * from './budget-alert.js';
export * from './canonical-hash.js';
export * from './env-fields.js';
export * from './env.js';
export * from './errors.js';
export * from './generate.js';
export * from './ids.js';
export * from './logger.js';
export * from './money.js';
export * from './provider-config.js';
export * from './provider-error.js';
export * from './stop-signal.js';
export * from './tokens.js';
export * from './usage.js';
export * from './wire-text.js';
