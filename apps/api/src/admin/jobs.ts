/** `/admin/jobs/{id}`: a job without what it says, to be run again or cancelled through the calls of the API. */
import { randomUUID } from 'node:crypto';
import { wireName } from '@llm-gateway/shared';
import { Router } from 'express';
import { z } from 'zod';
import { actingFor } from '../auth/acting-for.js';
import { callerOf } from '../auth/caller.js';
import type { GenerateDeps } from '../generate/deps.js';
import { hangUpSignal } from '../generate/route.js';
import { parse } from '../http/parse.js';
import { cancelJob } from '../jobs/cancel.js';
import { findJob } from '../jobs/find.js';
import { replayJob } from '../jobs/replay.js';
import { jobView } from '../jobs/view.js';
import type { WireJob } from '../jobs/wire.js';
import { html, type Html } from './html.js';
import { csrfField, sendPage } from './page.js';

const idQuery = z.object({ id: z.string().trim().min(1).max(64) });
/** `once`: a form that is sent twice runs the job again once. */
const replayForm = z.object({ provider: z.literal('').or(wireName(40)).optional(), once: z.uuid().optional() });

const pathOf = (id: string): string => `/admin/jobs/${encodeURIComponent(id)}`;

export function adminJobsRouter(deps: GenerateDeps): Router {
  const router = Router();
  router.get('/', (req, res) => {
    res.redirect(303, pathOf(parse(idQuery, req.query).id));
  });
  router.get('/:id', async (req, res) => {
    const job = await jobView(deps, await findJob(deps, callerOf(res), req.params.id));
    const providers = deps.config.current().providers.map(({ name }) => name);
    const hasEnded = job.status !== 'queued' && job.status !== 'active';
    sendPage(
      res,
      job.id,
      html`${facts(job)}${hasEnded ? replayButton(job, providers, csrfField(res)) : cancelButton(job, csrfField(res))}
        <nav><a href="/admin">Start</a><a href="/admin/queues">Queues</a></nav>`,
    );
  });
  router.post('/:id/replay', async (req, res) => {
    const { provider, once } = parse(replayForm, req.body ?? {});
    const order = provider ? { provider } : {};
    const replay = { id: req.params.id, order, idempotencyKey: once ?? null, signal: hangUpSignal(res) };
    const { id } = await replayJob(deps, callerOf(res), actingFor(deps.db, res), replay);
    res.redirect(303, pathOf(id));
  });
  router.post('/:id/cancel', async (req, res) => {
    const { id } = await cancelJob(deps, callerOf(res), actingFor(deps.db, res), req.params.id);
    res.redirect(303, pathOf(id));
  });
  return router;
}

function facts(job: WireJob): Html {
  const rows: [string, string | undefined | null][] = [
    ['Status', job.status],
    ['Provider', job.provider],
    ['Service', job.service],
    ['Customer', job.customer_id],
    ['Created', job.created_at],
    ['Finished', job.finished_at],
    ['Problem', job.error && `${job.error.code}: ${job.error.message}`],
  ];
  const links: [string, string | undefined][] = [
    ['Runs again', job.replay_of],
    ['Run again as', job.replayed_by],
  ];
  return html`<h1>${job.id}</h1>
    <dl>
      ${rows.flatMap(([name, value]) =>
        value
          ? [
              html`<dt>${name}</dt>
                <dd>${value}</dd>`,
            ]
          : [],
      )}
      ${links.flatMap(([name, id]) =>
        id === undefined
          ? []
          : [
              html`<dt>${name}</dt>
                <dd><a href="${pathOf(id)}">${id}</a></dd>`,
            ],
      )}
    </dl>`;
}

const replayButton = ({ id }: WireJob, providers: readonly string[], csrf: Html): Html =>
  html`<h2>Run it again</h2>
    <p class="quiet">As a request of its own, under all limits and budgets. It costs what the provider charges.</p>
    <form method="post" action="${pathOf(id)}/replay">
      ${csrf}
      <input type="hidden" name="once" value="${randomUUID()}" />
      <label for="provider">Where</label>
      <select id="provider" name="provider">
        <option value="">as it would be routed now</option>
        ${providers.map((name) => html`<option>${name}</option>`)}
      </select>
      <button type="submit">Run again</button>
    </form>`;

const cancelButton = ({ id }: WireJob, csrf: Html): Html =>
  html`<form method="post" action="${pathOf(id)}/cancel">
    ${csrf}
    <button type="submit">Cancel this job</button>
  </form>`;
