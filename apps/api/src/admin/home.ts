import { recordDeeds } from '@llm-gateway/db';
import { GatewayError } from '@llm-gateway/shared';
import type { RequestHandler } from 'express';
import { z } from 'zod';
import { actingFor } from '../auth/acting-for.js';
import { callerOf } from '../auth/caller.js';
import type { Deps } from '../deps.js';
import { parse } from '../http/parse.js';
import { sessionOf } from './access.js';
import { html } from './html.js';
import { csrfField, sendPage } from './page.js';
import { showPrompts, type SessionStore } from './sessions.js';

const promptsForm = z.object({ prompts: z.enum(['show', 'hide']) });

/** `/admin`: what the board has no place for. */
export const home: RequestHandler = (_req, res) => {
  const until = sessionOf(res)?.promptsUntil ?? 0;
  const areShown = until > Date.now();
  const state = areShown
    ? `The board shows prompts until ${new Date(until).toISOString().slice(11, 16)} UTC.`
    : 'The board hides prompts.';
  sendPage(
    res,
    'Administration',
    html`<h1>LLM Gateway</h1>
      <p class="quiet">Signed in as ${callerOf(res).keyId}</p>
      <h2>A job</h2>
      <form method="get" action="/admin/jobs">
        <label for="id">Job id, to run it again or cancel it</label>
        <input id="id" name="id" required maxlength="64" spellcheck="false" placeholder="req_…" />
        <button type="submit" class="plain">Open</button>
      </form>
      <h2>Prompts</h2>
      <p>${state}</p>
      <form method="post" action="/admin/prompts">
        ${csrfField(res)}
        <input type="hidden" name="prompts" value="${areShown ? 'hide' : 'show'}" />
        <button type="submit" class="plain">${areShown ? 'Hide prompts' : 'Show prompts for 15 minutes'}</button>
      </form>
      <p class="quiet">Showing them is recorded in the audit log.</p>
      <nav><a href="/admin/queues">Queues</a><a href="/docs">API</a></nav>
      <form method="post" action="/admin/logout">
        ${csrfField(res)}
        <button type="submit" class="plain">Sign out</button>
      </form>`,
  );
};

/** `POST /admin/prompts`. For this session only, and on record before it is so. */
export function switchPrompts({ db, store }: Pick<Deps, 'db'> & { store: SessionStore }): RequestHandler {
  return async (req, res) => {
    const { prompts } = parse(promptsForm, req.body);
    const session = sessionOf(res);
    if (!session)
      throw new GatewayError('forbidden', 'prompts are shown to a browser that has signed in at /admin/login, not to a key');
    const deed = { action: `admin.prompts_${prompts}`, target: 'admin_session', targetId: session.caller.keyId };
    await recordDeeds(actingFor(db, res), [{ ...deed, before: null, after: null }]);
    await showPrompts(store, session.secret, prompts === 'show');
    res.redirect(303, '/admin');
  };
}
