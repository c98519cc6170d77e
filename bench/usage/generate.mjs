/**
 * A year of usage as a company makes it: eight services, a thousand customers of whom few ask much (Zipf), six providers of two models,
 * days busier than nights and than weekends; a third from the cache, some failures, retries and fallbacks. The same seed makes the same rows.
 */
import pg from 'pg';

const SERVICES = ['trends', 'blog', 'seo', 'email', 'ads', 'chatbot', 'reviews', 'reports'];
const PROVIDERS = ['claude-main', 'openai-main', 'gemini-main', 'llama-main', 'mistral-main', 'custom-main'];
const TYPES = ['claude', 'openai', 'gemini', 'llama', 'mistral', 'custom'];
export const CUSTOMERS = 1_000;
const quoted = (names) => `ARRAY[${names.map((name) => `'${name}'`).join(', ')}]`;

/** Ids as ours are: sorted by their time. */
const idOf = (kind, at, rest) =>
  `'${kind}_' || upper(lpad(to_hex((extract(epoch FROM ${at}) * 1000)::bigint), 12, '0') || substr(md5(${rest}), 1, 14))`;

/** The requests of a month: $1 its beginning, $2 its days, $3 how many. */
const FILL = `
  CREATE TEMPORARY TABLE made ON COMMIT DROP AS
  SELECT ${idOf('req', 'created_at', 'n::text')} AS id, *,
    CASE WHEN hit OR failed THEN 0 ELSE input_tokens * (provider_no + 1) * 100::bigint + output_tokens * (provider_no + 1) * 400 END AS cost_nano
  FROM (
    SELECT n, (${quoted(SERVICES)})[1 + floor(service ^ 1.5 * 8)::int] AS service,
      CASE WHEN nobody < 0.05 THEN NULL ELSE 'customer-' || floor(exp(customer * ln(${CUSTOMERS})))::int END AS customer_id,
      floor(provider ^ 2 * 6)::int AS provider_no, floor(model * 2)::int AS model_no, hit < 0.33 AS hit, failed < 0.02 AS failed,
      fell_back < 0.05 AS fell_back,
      CASE WHEN hit < 0.33 THEN 1 + floor(slow * 20)::int ELSE floor(exp(5.5 + slow * 3 + slower))::int END AS latency_ms,
      20 + floor(exp(input * 7))::int AS input_tokens, 5 + floor(exp(output * 6))::int AS output_tokens,
      -- Two of three requests that would fall on a weekend come three days later; the arc sine leaves the nights quiet.
      $1::timestamptz + make_interval(secs => round((86400 * (CASE WHEN weekend < 0.66 AND extract(isodow FROM $1::timestamptz + make_interval(days => day)) > 5
        THEN (day + 3) % $2::int ELSE day END + 0.5 + 0.9 * asin(2 * hour - 1) / pi()))::numeric, 3)::float8) AS created_at
    FROM (
      SELECT n, random() AS service, random() AS nobody, random() AS customer, random() AS provider, random() AS model, random() AS hit,
        random() AS failed, random() AS fell_back, random() AS slow, random() AS slower, random() AS input, random() AS output,
        random() AS weekend, random() AS hour, floor(random() * $2)::int AS day
      FROM generate_series(1, $3::int) AS n
    ) AS drawn
  ) AS asked`;

const LOGS = (table) => `
  INSERT INTO ${table} SELECT id, created_at, service, customer_id, 'env_bench', (${quoted(PROVIDERS)})[provider_no + 1],
    (${quoted(TYPES)})[provider_no + 1], 'model-' || provider_no || model_no, CASE WHEN failed THEN 'error' ELSE 'ok' END,
    CASE WHEN failed THEN 'provider_error' END, CASE WHEN hit THEN 'HIT' ELSE 'MISS' END, CASE WHEN failed THEN NULL ELSE 'stop' END,
    CASE WHEN hit OR failed THEN 0 ELSE input_tokens END, 0, 0, 0, CASE WHEN hit OR failed THEN 0 ELSE output_tokens END, 0,
    cost_nano * 0.000000001, NULL, CASE WHEN hit THEN input_tokens * 0.0000001 ELSE 0 END, latency_ms, 3,
    CASE WHEN hit THEN 0 WHEN fell_back THEN 2 ELSE 1 END, false, '{"team": "core"}', NULL FROM made ORDER BY created_at, id`;

const ATTEMPTS = (table) => `
  INSERT INTO ${table} SELECT ${idOf('att', 'at', "n || ' ' || number")}, at, id, number,
    (${quoted(PROVIDERS)})[called + 1], (${quoted(TYPES)})[called + 1], 'model-' || called || model_no, 'model-' || called || model_no,
    CASE WHEN failed OR number < last THEN 'error' ELSE 'ok' END, CASE WHEN failed OR number < last THEN 'overloaded' END, NULL,
    CASE WHEN failed OR number < last THEN 529 ELSE 200 END, NULL,
    CASE WHEN failed OR number < last THEN 0 ELSE input_tokens END, 0, 0, 0, CASE WHEN failed OR number < last THEN 0 ELSE output_tokens END,
    0, false, CASE WHEN number = last THEN cost_nano * 0.000000001 ELSE 0 END, NULL, 'bench', latency_ms, 0, 'bench'
  FROM (
    SELECT *, CASE WHEN number = last THEN provider_no ELSE (provider_no + 1) % 6 END AS called,
      -- In the month of its request, whose partition this goes into.
      least(created_at + number * interval '5 ms', date_trunc('month', created_at) + interval '1 month' - interval '1 ms') AS at
    FROM (SELECT *, CASE WHEN fell_back THEN 2 ELSE 1 END AS last FROM made WHERE NOT hit) AS how
    CROSS JOIN LATERAL generate_series(1, last) AS number
  ) AS calls ORDER BY at, id`;

/**
 * Fills the two big tables; the sums are for a rebuild to make. Months are made side by side, as tables of their own that become
 * partitions when they are full and indexed: that is several times faster than going through the indexes row by row.
 * @param connection of a pg client, its search_path the gateway's schema. @param rows requests over the twelve months before `end`, which is
 * the first of a month. @param onMonth told after each.
 */
export async function generate(connection, { rows, end, sessions = 2, onMonth }) {
  const months = Array.from({ length: 12 }, (_, back) => ({
    from: monthBefore(end, back + 1),
    to: monthBefore(end, back),
  })).reverse();
  const session = async () => {
    const client = new pg.Client(connection);
    await client.connect();
    await client.query("SET work_mem = '512MB'; SET maintenance_work_mem = '512MB'; SET synchronous_commit = off");
    for (let month = months.shift(); month; month = months.shift()) {
      await makeMonth(client, month, Math.round(rows / 12));
      await onMonth(month.from);
    }
    await client.end();
  };
  await Promise.all(Array.from({ length: sessions }, session));
}

const monthBefore = (end, back) => new Date(Date.UTC(end.getUTCFullYear(), end.getUTCMonth() - back));

async function makeMonth(client, { from, to }, rows) {
  const name = from.toISOString().slice(0, 7).replace('-', '_');
  const { rows: schemas } = await client.query("SELECT current_schema() || '_partitions' AS parts");
  const [logs, attempts] = ['logs', 'attempts'].map((table) => `${schemas[0].parts}.llm_usage_${table}_${name}`);
  await client.query('SELECT setseed($1)', [(from.getUTCFullYear() * 12 + from.getUTCMonth()) / 100_000]);
  await client.query('BEGIN');
  // Migrations have made those of the latest months already, empty.
  await client.query(`DROP TABLE IF EXISTS ${logs}, ${attempts}`);
  await client.query('COMMIT');
  await client.query('BEGIN');
  await client.query(FILL, [from, (to - from) / 86_400_000, rows]);
  for (const [parent, part, insert] of [
    ['llm_usage_logs', logs, LOGS],
    ['llm_usage_attempts', attempts, ATTEMPTS],
  ]) {
    await client.query(`CREATE TABLE ${part} (LIKE ${parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)`);
    await client.query(insert(part));
    await index(client, parent, part);
  }
  await client.query(`CREATE INDEX ON ${attempts} (created_at) WHERE cost_usd IS NULL`);
  await client.query('COMMIT');
  const bounds = `FOR VALUES FROM ('${from.toISOString()}') TO ('${to.toISOString()}')`;
  await client.query(`ALTER TABLE llm_usage_logs ATTACH PARTITION ${logs} ${bounds}`);
  await client.query(`ALTER TABLE llm_usage_attempts ATTACH PARTITION ${attempts} ${bounds}`);
}

/** The parent's indexes, whatever a migration has made of them: attaching takes them over. */
async function index(client, parent, part) {
  const { rows } = await client.query(
    `SELECT pg_get_indexdef(indexrelid) AS def, indisprimary AS key FROM pg_index WHERE indrelid = $1::regclass`,
    [parent],
  );
  for (const { def, key } of rows) {
    const columns = def.slice(def.indexOf(' USING '));
    await client.query(
      key ? `ALTER TABLE ${part} ADD PRIMARY KEY ${columns.slice(columns.indexOf('('))}` : `CREATE INDEX ON ${part}${columns}`,
    );
  }
}
