import type { GatewayError } from '@llm-gateway/shared';
import type { Request, Response } from 'express';
import { showBody } from '../http/errors.js';
import { requestIdOf } from '../http/request-id.js';
import { sessionOf, wantsPage } from './access.js';
import { html, type Html } from './html.js';
import { csrfTokenOf } from './sessions.js';

/** No script at all: the pages are forms. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

export function sendPage(res: Response, title: string, body: Html): void {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} · LLM Gateway</title>
        <link rel="stylesheet" href="/admin/style.css" />
      </head>
      <body>
        <main>${body}</main>
      </body>
    </html> `;
  res.set('Content-Security-Policy', CONTENT_SECURITY_POLICY).type('html').send(page.markup);
}

/** What every form that changes something carries. */
export function csrfField(res: Response): Html {
  const session = sessionOf(res);
  return html`<input type="hidden" name="csrf" value="${session ? csrfTokenOf(session.secret) : ''}" />`;
}

export const problem = ({ message, retryAfterMs }: Pick<GatewayError, 'message' | 'retryAfterMs'>): Html =>
  html`<p class="problem" role="alert">
    ${sentence(message)}${retryAfterMs === undefined ? null : ` Try again in ${Math.max(1, Math.ceil(retryAfterMs / 1_000))} s.`}
  </p>`;

/** A refusal as a page, for whoever looks at pages. */
export function showProblem(error: GatewayError, req: Request, res: Response): void {
  if (!wantsPage(req)) return showBody(error, req, res);
  sendPage(
    res,
    'That did not work',
    html`<h1>That did not work</h1>
      ${problem(error)}
      <p class="quiet">Request ${requestIdOf(res)}</p>
      <nav><a href="/admin">Back to the start</a><a href="/admin/queues">Queues</a></nav>`,
  );
}

const sentence = (message: string): string => `${message.slice(0, 1).toUpperCase()}${message.slice(1)}.`;
