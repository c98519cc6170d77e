import { Router } from 'express';
import { openApiDocument } from './openapi-document.js';

/** `/openapi.json`: built once, served as bytes. */
export function openApiRouter(): Router {
  const json = Buffer.from(JSON.stringify(openApiDocument()));
  const router = Router();
  router.get('/', (_req, res) => {
    res.type('json').send(json);
  });
  return router;
}
