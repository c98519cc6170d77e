/** How long the figures take: random ranges of the year, each kind many times, as a caller of the API waits for them. */
import { END, START } from './database.mjs';
import { CUSTOMERS } from './generate.mjs';
import { startApi } from './gateway.mjs';
import { quantile } from './quantile.mjs';
import { random } from './random.mjs';

const DAY_MS = 86_400_000;
const WARM_UPS = 5;

/** What is promised, in ms at p95. */
const TARGETS = { figures: 50, timeseries: 100, logs: 30 };

/** @returns a line for each kind: `{ what, p50, p95, target }`, in ms. */
export async function measureReads(databaseUrl, { times, say }) {
  const api = await startApi(databaseUrl);
  try {
    const lines = [];
    for (const { what, target, prepare } of kinds(api)) {
      const taken = [];
      for (let count = -WARM_UPS; count < times; count += 1) {
        const path = await prepare();
        const started = performance.now();
        await (await api.get(path)).arrayBuffer();
        if (count >= 0) taken.push(performance.now() - started);
      }
      const line = { what, p50: quantile(taken, 0.5), p95: quantile(taken, 0.95), target };
      say(
        `${what.padEnd(36)} p50 ${line.p50.toFixed(1).padStart(6)} ms   p95 ${line.p95.toFixed(1).padStart(6)} ms   of ${target}`,
      );
      lines.push(line);
    }
    return lines;
  } finally {
    await api.stop();
  }
}

/** Each with the path of its next request: any two moments of the year, neither of which begins or ends an hour. */
function kinds(api) {
  const next = random(7);
  const moment = () => Math.floor(START.getTime() + next() * (END.getTime() - START.getTime()));
  const anyRange = () => {
    const [from, to] = [moment(), moment()].sort((a, b) => a - b);
    return span(from, to + 1);
  };
  const someDays = (days) => {
    const to = Math.floor(START.getTime() + days * DAY_MS + next() * (END.getTime() - START.getTime() - days * DAY_MS));
    return span(to - days * DAY_MS, to);
  };
  const figures = (what, path, filter = () => '') => ({
    what,
    target: TARGETS.figures,
    prepare: () => `${path}?${anyRange()}${filter()}`,
  });
  const ofCustomer = () => `&customer_id=${customer(next)}`;
  const hours =
    (filter = () => '') =>
    () =>
      `timeseries?bucket=hour&${someDays(30)}${filter()}`;
  return [
    figures('summary', 'summary'),
    figures('summary of a service', 'summary', () => '&service=seo'),
    figures('summary of a provider', 'summary', () => '&provider=openai-main'),
    figures('summary of a customer', 'summary', ofCustomer),
    figures('by-provider', 'by-provider'),
    figures('by-service', 'by-service'),
    figures('by-model', 'by-model'),
    figures('by-customer', 'by-customer'),
    figures('by-customer, by cost', 'by-customer', () => '&sort=cost_usd&limit=5'),
    figures('by-customer of a service', 'by-customer', () => '&service=email'),
    figures('by-model of a service', 'by-model', () => '&service=blog'),
    figures('by-service of a customer', 'by-service', ofCustomer),
    { what: 'timeseries, hours of 30 days', target: TARGETS.timeseries, prepare: hours() },
    { what: 'timeseries, hours, of a customer', target: TARGETS.timeseries, prepare: hours(ofCustomer) },
    { what: 'timeseries, days of a year', target: TARGETS.timeseries, prepare: () => `timeseries?bucket=day&${someDays(364)}` },
    logs('logs page', api, moment),
    logs('logs page of a service', api, moment, () => '&service=reports'),
    logs('logs page of a provider', api, moment, () => '&provider=custom-main'),
    logs('logs page of a customer', api, moment, ofCustomer),
    logs('logs page, customer and provider', api, moment, () => `${ofCustomer()}&provider=custom-main`),
  ];
}

const span = (from, to) => `from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`;

/** A page anywhere in the year's list: the one after the page that ends at any moment. */
function logs(what, api, moment, filter = () => '') {
  const prepare = async () => {
    const chosen = filter();
    const before = await (await api.get(`logs?limit=1&${span(START.getTime(), moment() + DAY_MS)}${chosen}`)).json();
    const cursor = before.next_cursor === null ? '' : `&cursor=${before.next_cursor}`;
    return `logs?limit=50&${span(START.getTime(), END.getTime())}${chosen}${cursor}`;
  };
  return { what, target: TARGETS.logs, prepare };
}

/** Many ask for the few that ask much. */
const customer = (next) => `customer-${Math.floor(Math.exp(next() * Math.log(CUSTOMERS)))}`;
