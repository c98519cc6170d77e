import { createConnection, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';

/**
 * A connection whose commands of one turn of the event loop leave in one system call, in their order: under load a system call a
 * command was a fifth of what a worker does. ioredis' own pipelining would let scripts overtake plain commands.
 */
export class TurnConnector extends AbstractConnector {
  readonly #options: RedisOptions;

  /** @param options those that ioredis was given; it types them as unknown. */
  constructor(options: unknown) {
    const given = options as RedisOptions;
    super(given.disconnectTimeout ?? 0);
    this.#options = given;
  }

  connect(): Promise<Socket> {
    const { host = '127.0.0.1', port = 6379, tls } = this.#options;
    this.connecting = true;
    return new Promise((resolve, reject) => {
      // As ioredis does: who disconnects at once opens no socket.
      process.nextTick(() => {
        if (!this.connecting) {
          reject(new Error('Connection is closed.'));
          return;
        }
        const stream = tls ? connect({ host, port, ...tls }) : createConnection({ host, port });
        stream.once('error', (error: Error) => {
          this.firstError = error;
        });
        this.stream = stream;
        resolve(writingByTurns(stream));
      });
    });
  }

  /** ioredis sees to it by a timer of two seconds that the socket closes, also where it has: nothing would clear it, and a process that is done would wait for it. */
  override disconnect(): void {
    const stream = this.stream as Socket | undefined;
    if (stream?.closed) this.connecting = false;
    else super.disconnect();
  }
}

function writingByTurns<S extends Socket>(stream: S): S {
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
  let corked = false;
  const uncork = (): void => {
    corked = false;
    stream.uncork();
  };
  const writeInTurn = (...args: unknown[]): boolean => {
    if (!corked) {
      corked = true;
      stream.cork();
      setImmediate(uncork);
    }
    return write(...args);
  };
  return Object.assign(stream, { write: writeInTurn });
}

/** Resolves when the commands given so far, on any connection, are in their sockets. */
export const commandsWritten = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
