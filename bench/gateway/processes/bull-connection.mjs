/** Options rather than a client, for BullMQ makes its own connections. */
export function bullConnection(url) {
  const { hostname, port, pathname } = new URL(url);
  return { host: hostname, port: Number(port), db: Number(pathname.slice(1)), maxRetriesPerRequest: null };
}
