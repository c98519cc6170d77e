// What our own processes do, in small: a JSON line when listening, an end in peace on SIGTERM (unless told to be deaf).
import { createServer } from 'node:http';

const server = createServer((_request, response) => response.end('here')).listen(0, '127.0.0.1', () => {
  console.log('warming up');
  console.log(JSON.stringify({ msg: 'listening', port: server.address().port }));
});
process.on('SIGTERM', () => {
  if (process.env.DEAF) return;
  console.log('bye');
  server.close();
});
