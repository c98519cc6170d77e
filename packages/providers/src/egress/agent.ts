/** The one HTTP agent per set of egress rules. Its DNS lookup is the guard that a rebinding name server cannot pass. */
import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { isAddressAllowed, isAddressListed, type AddressRule, type EgressRules } from './rules.js';

export const MAX_RESPONSE_BYTES = 10_000_000;
const CONNECT_TIMEOUT_MS = 10_000;

/** A host resolved to addresses that the rules do not allow. */
export class EgressRefusedError extends Error {
  override readonly name = 'EgressRefusedError';
}

// Providers come and go with the configuration; their sockets stay pooled as long as the rules object lives.
const agents = new WeakMap<EgressRules, Agent>();

export function agentFor(rules: EgressRules): Agent {
  const known = agents.get(rules);
  if (known) return known;
  const agent = guardedAgent(rules, lookup);
  agents.set(rules, agent);
  return agent;
}

/** @param resolve the system's resolver; tests put a hostile one in its place. */
export function guardedAgent(rules: EgressRules, resolve: typeof lookup): Agent {
  return new Agent({
    connect: guardedConnector(rules, resolve),
    maxResponseSize: MAX_RESPONSE_BYTES,
    // Each call has its own deadline over headers and body; undici's would cut long answers at five minutes.
    headersTimeout: 0,
    bodyTimeout: 0,
    // uvicorn, under most self-hosted models, closes idle connections after 5 s: reuse must end before, or calls meet a reset.
    keepAliveTimeout: 4_000,
  });
}

/** An address in the URL itself is never looked up, so it is checked here: at every connection, whoever checked the URL before. */
function guardedConnector(rules: EgressRules, resolve: typeof lookup): buildConnector.connector {
  const connectorFor = (isAllowed: AddressRule): buildConnector.connector => {
    const connect = buildConnector({ timeout: CONNECT_TIMEOUT_MS, lookup: guardedLookup(rules, resolve, isAllowed) });
    return (options, callback) => {
      const host = options.hostname.replace(/^\[|\]$/g, '');
      const refused = isIP(host) > 0 && !rules.hosts.has(host) && !isAllowed(host, rules);
      if (refused) callback(new EgressRefusedError(`${host} ${REASONS.get(isAllowed)}`), null);
      else connect(options, callback);
    };
  };
  const [secure, plain] = [connectorFor(isAddressAllowed), connectorFor(isAddressListed)];
  return (options, callback) => (options.protocol === 'https:' ? secure : plain)(options, callback);
}

const REASONS: ReadonlyMap<AddressRule, string> = new Map([
  [isAddressAllowed, 'is not a public address and is not on the egress allow list'],
  [isAddressListed, 'is not on the egress allow list, and plain http goes nowhere else'],
]);

function guardedLookup(rules: EgressRules, resolve: typeof lookup, isAllowed: AddressRule): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error) {
        callback(error, '');
        return;
      }
      const allowed = rules.hosts.has(hostname) ? found : found.filter(({ address }) => isAllowed(address, rules));
      const [first, ...others] = allowed;
      if (!first) callback(new EgressRefusedError(`${hostname} resolves to an address that ${REASONS.get(isAllowed)}`), '');
      else if (options.all) callback(null, [first, ...others]);
      else callback(null, first.address, first.family);
    });
  };
}
