import { connect } from 'node:net';

/** One command of Redis's inline protocol, answered as raw text: this package has no Redis client. */
export function redisCommand(port: number, ...words: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1').setEncoding('utf8');
    socket
      .on('data', (chunk: string) => (answer += chunk))
      .on('error', reject)
      .on('end', () => resolve(answer));
    socket.write(`${words.join(' ')}\r\nQUIT\r\n`);
  });
}
