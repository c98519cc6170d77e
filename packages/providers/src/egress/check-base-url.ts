import { isIP } from 'node:net';
import { isAddressAllowed, isAddressListed, type EgressRules } from './rules.js';

/**
 * Whether calls may be sent to a base URL. The URL parser has by then turned `2130706433`, `0x7f.1` and the like into plain
 * addresses. A public name that resolves to a private address passes here and is refused when it connects.
 * @returns what is wrong, or null.
 */
export function checkBaseUrl(url: string, rules: EgressRules): string | null {
  const refused = refusal('base_url', url, rules);
  if (refused !== null) return refused;
  const { search, hash } = new URL(url);
  return search !== '' || hash !== '' ? 'base_url must not contain a query or fragment' : null;
}

/** Whether webhooks may be sent to a URL: as {@link checkBaseUrl}, but for a query, which many receivers want. @returns what is wrong, or null. */
export function checkWebhookUrl(url: string, rules: EgressRules): string | null {
  return refusal('webhook_url', url, rules);
}

/** Whether an address may be called, whatever it is for. @returns what is wrong, or null. */
export function refusal(field: string, url: string, rules: EgressRules): string | null {
  if (!URL.canParse(url)) return `${field} is not a URL`;
  const parsed = new URL(url);
  if (parsed.protocol !== 'https:' && parsed.protocol !== 'http:') return `${field} must begin with https:// or http://`;
  if (parsed.username !== '' || parsed.password !== '') return `${field} must not contain a user name or password`;
  const host = hostOf(parsed);
  if (rules.hosts.has(host)) return null;
  const address = isIP(host) > 0 ? host : addressOfLocalName(host);
  if (address !== null && !isAddressAllowed(address, rules))
    return `${field} points to ${host}, which is not a public address and is not on the egress allow list`;
  if (parsed.protocol === 'https:' || mayBePlain(address, rules)) return null;
  return `${field} must begin with https://: plain http goes only to what is on the egress allow list`;
}

/** Of a name only the connection can tell, and only where there are ranges that it might lie in. */
const mayBePlain = (address: string | null, rules: EgressRules): boolean =>
  address === null ? rules.addresses.rules.length > 0 : isAddressListed(address, rules);

/** @returns the host as it is compared with the rules: no brackets, no root dot. */
const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '').replace(/\.+$/, '');

/** Names that are local by definition, so that the mistake is seen when it is made and not at the first call. */
function addressOfLocalName(host: string): string | null {
  if (/(^|\.)localhost$/.test(host)) return '127.0.0.1';
  return /^metadata(\.google\.internal|\.goog)$/.test(host) ? '169.254.169.254' : null;
}
