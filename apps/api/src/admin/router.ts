/** `/admin`: the pages for administrators in a browser. Nothing below it, but the login, answers without a session or a key. */
import express, { Router } from 'express';
import { boardRouter } from '../board/board.js';
import type { Deps } from '../deps.js';
import { errorHandler, notFound } from '../http/errors.js';
import { neverStored } from '../http/security-headers.js';
import { adminAccess, sameBrowser } from './access.js';
import { home, switchPrompts } from './home.js';
import { loginRouter, logoutHandler, showLoginProblem } from './login.js';
import { showProblem } from './page.js';
import { STYLE } from './style.js';

/** Room for a token, and no more. */
const MAX_FORM_BYTES = 16_384;

export function adminRouter(deps: Deps): Router {
  const { db, keys, keyRate, logger, adminRedis: redis, routers } = deps;
  const store = { redis, keys };
  const secureCookies = deps.env.ADMIN_COOKIE_SECURE;
  const readForm = express.urlencoded({ extended: false, limit: MAX_FORM_BYTES, parameterLimit: 10, inflate: false });
  const loginDeps = { store, db, keyRate, logger, secureCookies, readForm };
  const router = Router();
  router.use(neverStored);
  router.use('/style.css', (_req, res) => {
    res.type('css').send(STYLE);
  });
  router.use('/login', loginRouter(loginDeps), errorHandler(logger, showLoginProblem(secureCookies)));

  router.use(adminAccess(store));
  router.use('/queues', boardRouter(deps));
  const pages = Router();
  pages.use(readForm, sameBrowser);
  pages.get('/', home);
  pages.post('/logout', logoutHandler(loginDeps));
  pages.post('/prompts', switchPrompts({ db, store }));
  pages.use('/jobs', routers.adminJobs);
  router.use(pages, notFound, errorHandler(logger, showProblem));
  return router;
}
