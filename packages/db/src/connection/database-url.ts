/** What a `DATABASE_URL` says, in node-postgres' terms. */
export interface DatabaseTarget {
  /** The URL without `?schema=`, which is Prisma's convention and means nothing to PostgreSQL. */
  connectionString: string;
  /** The PostgreSQL schema that holds our tables. */
  schema: string;
  /** Start-up options of every session. */
  options: string;
}

const SCHEMA_NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/;

/**
 * Reads a `postgresql://` URL; the schema is `?schema=`, default `public`.
 * @throws Error on a URL or schema name that cannot be used. The URL is not repeated: it holds a password.
 */
export function databaseTarget(url: string): DatabaseTarget {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^postgres(ql)?:$/.test(parsed.protocol)) throw new Error('the database URL must start with postgresql://');
  const schema = parsed.searchParams.get('schema') ?? 'public';
  if (!SCHEMA_NAME.test(schema))
    throw new Error('the schema in the database URL must be a plain name of at most 63 letters, digits, _ or -');
  const given = parsed.searchParams.get('options');
  parsed.searchParams.delete('schema');
  parsed.searchParams.delete('options');
  // jit: it takes longer to compile our longest queries than to run them. work_mem: what is added up fits without a file. random_page_cost:
  // what is read stands in memory or on an SSD; with the default, made for turning discs, a day of calls is read to find those of a minute.
  // parallel_setup_cost: figures take some ms, and helpers for them more than that until they are there; only work of a second is shared.
  // What the URL says beats these, but neither the schema nor the time zone.
  const ours = ['-c jit=off', '-c work_mem=32MB', '-c random_page_cost=1.1', '-c parallel_setup_cost=100000'];
  // TimeZone: the driver adapter relabels every timestamp as UTC without converting it, so the session must speak UTC.
  const fixed = [`-c search_path="${schema}"`, '-c TimeZone=UTC'];
  const options = [...ours, ...(given === null ? [] : [given]), ...fixed].join(' ');
  return { connectionString: parsed.toString(), schema, options };
}
