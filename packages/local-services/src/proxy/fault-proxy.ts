/** A TCP proxy on loopback that spoils what passes through it, for tests of what happens when a network does. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Passage, type PassageFaults } from './passage.js';

export interface ProxyFaults {
  /** What clients send. */
  requests?: PassageFaults;
  /** What they get back. */
  replies?: PassageFaults;
  /** New connections are reset at once. */
  refuse?: boolean;
}

export interface FaultProxy {
  readonly port: number;
  /** How many connections are open through it. */
  readonly open: number;
  /** From now on, on open connections too. What a former fault held back goes on its way unless it is held back again. */
  set(faults: ProxyFaults): void;
  /** No fault any more. */
  clear(): void;
  /** Resets every open connection. @returns how many there were. */
  reset(): number;
  /** What is held back in a direction at this moment, as bytes read as Latin-1. */
  held(direction: 'requests' | 'replies'): string;
  stop(): Promise<void>;
}

interface Connection {
  client: Socket;
  server: Socket;
  requests: Passage;
  replies: Passage;
}

/** Starts a proxy in front of a port on loopback, without a fault. */
export async function startFaultProxy(targetPort: number): Promise<FaultProxy> {
  const connections = new Set<Connection>();
  let faults: ProxyFaults = {};
  const server = createServer((client) => {
    if (faults.refuse) client.resetAndDestroy();
    else join(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  function join(client: Socket): void {
    const upstream = connect(targetPort, '127.0.0.1');
    const connection = {
      client,
      server: upstream,
      requests: new Passage(client, upstream, faults.requests),
      replies: new Passage(upstream, client, faults.replies),
    };
    connections.add(connection);
    const end = (): void => {
      connections.delete(connection);
      // A reset is passed on as a reset: an orderly end would say that all was sent.
      for (const socket of [client, upstream]) if (!socket.destroyed) socket.resetAndDestroy();
    };
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
  }

  const set = (next: ProxyFaults): void => {
    faults = next;
    for (const { requests, replies } of connections) {
      requests.obey(next.requests);
      replies.obey(next.replies);
    }
  };
  const reset = (): number => {
    const open = [...connections];
    for (const { client } of open) client.resetAndDestroy();
    return open.length;
  };
  return {
    port: (server.address() as AddressInfo).port,
    get open() {
      return connections.size;
    },
    set,
    clear: () => set({}),
    reset,
    held: (direction) => [...connections].map((connection) => connection[direction].held()).join(''),
    stop: async () => {
      server.close();
      reset();
      await once(server, 'close');
    },
  };
}
