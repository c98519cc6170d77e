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

/** Commands of one turn that are text leave as one text: a chunk for each of them costs more than its bytes. */
function writingByTurns<S extends Socket>(stream: S): S {
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
  const end = stream.end.bind(stream) as (...args: unknown[]) => S;
  let corked = false;
  let text = '';
  const writeText = (): void => {
    if (text !== '') write(text);
    text = '';
  };
  const uncork = (): void => {
    corked = false;
    writeText();
    stream.uncork();
  };
  const writeInTurn = (command: unknown, ...how: unknown[]): boolean => {
    if (!corked) {
      corked = true;
      stream.cork();
      endOfTurn().uncorks.push(uncork);
    }
    if (typeof command === 'string' && how.length === 0) {
      text += command;
      return true;
    }
    writeText();
    return write(command, ...how);
  };
  const endInTurn = (...last: unknown[]): S => {
    writeText();
    return end(...last);
  };
  return Object.assign(stream, { write: writeInTurn, end: endInTurn });
}

interface EndOfTurn {
  uncorks: (() => void)[];
  over: Promise<void>;
}

let pending: EndOfTurn | null = null;

/** One for all connections and whoever waits for it, however many those are. */
function endOfTurn(): EndOfTurn {
  if (pending) return pending;
  const uncorks: EndOfTurn['uncorks'] = [];
  const over = new Promise<void>((resolve) => {
    setImmediate(() => {
      pending = null;
      for (const uncork of uncorks) uncork();
      resolve();
    });
  });
  pending = { uncorks, over };
  return pending;
}

/** Resolves when the commands given so far, on any connection, are in their sockets. */
export const commandsWritten = (): Promise<void> => endOfTurn().over;
