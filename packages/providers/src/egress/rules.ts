/** Which addresses a provider call may reach. Public ones always; all others only when the operator allows them by name or range. */
import { BlockList, isIP } from 'node:net';

export interface EgressRules {
  /** Host names that may resolve to any address. */
  readonly hosts: ReadonlySet<string>;
  /** Addresses that are allowed although they are not public. */
  readonly addresses: BlockList;
}

// IANA special-purpose registries (RFC 6890 and updates), plus 168.63.129.16, Azure's host agent. Link-local covers the
// clouds' metadata address 169.254.169.254. IPv4-mapped IPv6 addresses are matched by the IPv4 rules (Node does that).
const NOT_PUBLIC = {
  ipv4: [
    ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
    ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
    ...['224.0.0.0/4', '240.0.0.0/4', '168.63.129.16/32'],
  ],
  // The translation prefixes (NAT64, Teredo, 6to4) could carry a private IPv4 address inside.
  ipv6: [
    ...['::/96', '::ffff:0:0:0/96', '64:ff9b::/96', '64:ff9b:1::/48', '100::/64', '100:0:0:1::/64', '2001::/23', '2001:db8::/32'],
    ...['2002::/16', '3fff::/20', '5f00::/16', 'fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
  ],
} as const;

const notPublic = new BlockList();
for (const family of ['ipv4', 'ipv6'] as const) {
  for (const range of NOT_PUBLIC[family]) {
    const [address = '', bits] = range.split('/');
    notPublic.addSubnet(address, Number(bits), family);
  }
}

/**
 * Reads an operator's allow list: host names, addresses and CIDR ranges, comma-separated, as in `localhost,127.0.0.0/8,10.1.2.3`.
 * @throws Error naming the entry that is none of these.
 */
export function parseEgressAllow(text: string): EgressRules {
  const hosts = new Set<string>();
  const addresses = new BlockList();
  const entries = text.split(',').map((entry) => entry.trim().toLowerCase());
  for (const entry of entries.filter((each) => each !== '')) {
    if (!addAddress(addresses, entry)) hosts.add(hostName(entry));
  }
  return { hosts, addresses };
}

function addAddress(list: BlockList, entry: string): boolean {
  const [host = '', bits, ...rest] = entry.split('/');
  const address = host.replace(/^\[|\]$/g, '');
  const version = isIP(address);
  if (version === 0) return false;
  const longest = version === 4 ? 32 : 128;
  const prefix = bits === undefined ? longest : Number(bits);
  if (rest.length > 0 || bits === '' || !Number.isInteger(prefix) || prefix < 0 || prefix > longest) {
    throw new Error(`egress allow list: "${entry}" is not an address range; write it as 10.0.0.0/8`);
  }
  list.addSubnet(address, prefix, version === 4 ? 'ipv4' : 'ipv6');
  return true;
}

function hostName(entry: string): string {
  if (/^(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/.test(entry) && !/^[0-9.]+$/.test(entry)) return entry;
  throw new Error(`egress allow list: "${entry}" is neither a host name nor an address nor a range like 10.0.0.0/8`);
}

/** @param address a literal IPv4 or IPv6 address, without brackets. */
export const isAddressAllowed: AddressRule = (address, rules) => isIn(address, rules.addresses) || isPublic(address);

/** Plain http shows keys and prompts to everybody on the way: it goes where the operator has said, and nowhere else. */
export const isAddressListed: AddressRule = (address, rules) => isIn(address, rules.addresses);

export type AddressRule = (address: string, rules: EgressRules) => boolean;

const isPublic = (address: string): boolean => isIP(address) > 0 && !isIn(address, notPublic);

function isIn(address: string, list: BlockList): boolean {
  const version = isIP(address);
  return version > 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6');
}
