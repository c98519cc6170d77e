import { connect } from 'node:net';

/** Whether the Redis server with this pid answers on the port: `PING` and `INFO server` in Redis's inline protocol. */
export function answersPing(port: number, pid: number): Promise<boolean> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect({ port, host: '127.0.0.1' });
    const settle = (ready: boolean): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(1_000, () => settle(false));
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
      if (!answer.startsWith('+PONG') && answer.includes('\r\n')) settle(false);
      const id = /\r\nprocess_id:(\d+)\r\n/.exec(answer);
      if (id) settle(Number(id[1]) === pid);
    });
    socket.on('error', () => settle(false)).on('close', () => settle(false));
    socket.on('connect', () => socket.write('PING\r\nINFO server\r\n'));
  });
}
