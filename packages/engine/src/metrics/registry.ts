/**
 * What this process counts, for Prometheus. A label holds nothing that callers choose: customers, services and models are without
 * number, and each value of a label is a time series for ever. They are in the usage tables, where their figures belong.
 */
import { collectDefaultMetrics, Registry } from 'prom-client';

export const metrics = new Registry();

let standard = false;

/** Node's own figures (memory, event loop, garbage collection): only where somebody looks at them, for they cost a little. */
export function addProcessMetrics(): void {
  if (!standard) collectDefaultMetrics({ register: metrics });
  standard = true;
}
