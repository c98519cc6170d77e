import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from '@jest/globals';
import express from 'express';
import { bornExpress } from '../../src/http/born-express.js';

it("makes requests and responses that have Express' methods before Express gets them, so that it changes the prototype of none", async () => {
  const app = express();
  app.get(
    '/:name',
    (req, res) => void res.json({ name: req.params['name'], host: req.get('host'), own: req.app === app && res.app === app }),
  );
  const prototypes: { before: unknown[]; after: unknown[] }[] = [];
  const server = createServer(bornExpress(app), (req, res) => {
    const of = () => [Object.getPrototypeOf(req), Object.getPrototypeOf(res)] as unknown[];
    const before = of();
    app(req, res);
    prototypes.push({ before, after: of() });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const response = await fetch(`http://${host}/me`);
    expect(await response.json()).toEqual({ name: 'me', host, own: true });
    const [{ before, after } = { before: [], after: [] }] = prototypes;
    expect(after[0]).toBe(before[0]);
    expect(after[1]).toBe(before[1]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
