-- The two big tables become partitioned by month, and get rollups beside them.
--
-- Partitions stand in `<schema>_partitions`: Prisma compares only the main schema, where it then sees plain tables and no drift. It
-- also leaves room for what only a partition has, such as the index of attempts without a price.
--
-- The functions run with the rights of who migrates (SECURITY DEFINER), so that workers, which call them, need no right to change tables.

DO $migration$
DECLARE
  here text := current_schema();
  parts text := left(current_schema(), 52) || '_partitions';
BEGIN
  EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', parts);

  -- Makes the partitions of all months from one time to another that are missing. Attached, not created in place: that
  -- waits for nobody who reads or writes the other months.
  EXECUTE format($f$
    CREATE FUNCTION %1$I.llm_ensure_usage_partitions(first timestamptz, last timestamptz) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = %1$I, pg_catalog, pg_temp SET timezone = 'UTC' AS $body$
    DECLARE
      month timestamptz := date_trunc('month', first);
      parent text;
      part text;
      made integer := 0;
    BEGIN
      IF last > first + interval '20 years' THEN RAISE EXCEPTION 'more than 20 years of partitions at once'; END IF;
      PERFORM pg_advisory_xact_lock(hashtext('llm_usage_partitions'), hashtext(current_schema()));
      WHILE month <= last LOOP
        FOREACH parent IN ARRAY ARRAY['llm_usage_logs', 'llm_usage_attempts'] LOOP
          part := parent || to_char(month, '_YYYY_MM');
          IF to_regclass(format('%%I.%%I', %2$L, part)) IS NULL THEN
            EXECUTE format('CREATE TABLE %%I.%%I (LIKE %%I INCLUDING ALL)', %2$L, part, parent);
            IF parent = 'llm_usage_attempts' THEN
              EXECUTE format('CREATE INDEX ON %%I.%%I (created_at) WHERE cost_usd IS NULL', %2$L, part);
            END IF;
            EXECUTE format('ALTER TABLE %%I ATTACH PARTITION %%I.%%I FOR VALUES FROM (%%L) TO (%%L)',
              parent, %2$L, part, month, month + interval '1 month');
            made := made + 1;
          END IF;
        END LOOP;
        month := month + interval '1 month';
      END LOOP;
      RETURN made;
    END $body$ $f$, here, parts);

  -- Drops the months that lie wholly before a time. Gives up when it has to wait for longer than two seconds: the next sweep comes.
  EXECUTE format($f$
    CREATE FUNCTION %1$I.llm_drop_usage_partitions(before timestamptz) RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = %1$I, pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '2s' AS $body$
    DECLARE
      part text;
    BEGIN
      PERFORM pg_advisory_xact_lock(hashtext('llm_usage_partitions'), hashtext(current_schema()));
      FOR part IN
        SELECT child.relname FROM pg_inherits
          JOIN pg_class child ON child.oid = inhrelid
          JOIN pg_namespace ON pg_namespace.oid = child.relnamespace
        WHERE inhparent IN ('llm_usage_logs'::regclass, 'llm_usage_attempts'::regclass) AND nspname = %2$L
          AND to_date(right(child.relname, 7), 'YYYY_MM')::timestamptz + interval '1 month' <= before
        ORDER BY 1
      LOOP
        EXECUTE format('DROP TABLE %%I.%%I', %2$L, part);
        RETURN NEXT part;
      END LOOP;
    END $body$ $f$, here, parts);

  -- Whoever migrates may call them; another role that workers run under is granted EXECUTE like its other rights.
  EXECUTE format('REVOKE ALL ON FUNCTION %1$I.llm_ensure_usage_partitions(timestamptz, timestamptz), %1$I.llm_drop_usage_partitions(timestamptz) FROM PUBLIC', here);
END $migration$;

-- The tables as they were, with their rows; their indexes give up their names.
ALTER TABLE "llm_usage_logs" RENAME TO "llm_usage_logs_before";
ALTER TABLE "llm_usage_attempts" RENAME TO "llm_usage_attempts_before";
ALTER TABLE "llm_usage_logs_before" DROP CONSTRAINT "llm_usage_logs_pkey";
ALTER TABLE "llm_usage_attempts_before" DROP CONSTRAINT "llm_usage_attempts_pkey";
DROP INDEX "llm_usage_logs_created_at_id_idx", "llm_usage_logs_service_created_at_idx", "llm_usage_logs_customer_id_created_at_idx",
  "llm_usage_logs_provider_created_at_idx", "llm_usage_attempts_request_id_idx", "llm_usage_attempts_created_at_idx",
  "llm_usage_attempts_provider_created_at_idx";

CREATE TABLE "llm_usage_logs" (LIKE "llm_usage_logs_before" INCLUDING DEFAULTS,
    CONSTRAINT "llm_usage_logs_pkey" PRIMARY KEY ("id","created_at")) PARTITION BY RANGE ("created_at");
CREATE TABLE "llm_usage_attempts" (LIKE "llm_usage_attempts_before" INCLUDING DEFAULTS,
    CONSTRAINT "llm_usage_attempts_pkey" PRIMARY KEY ("id","created_at")) PARTITION BY RANGE ("created_at");

-- CreateIndex
CREATE INDEX "llm_usage_logs_created_at_id_idx" ON "llm_usage_logs"("created_at", "id");

-- CreateIndex
CREATE INDEX "llm_usage_logs_service_created_at_idx" ON "llm_usage_logs"("service", "created_at");

-- CreateIndex
CREATE INDEX "llm_usage_logs_customer_id_created_at_idx" ON "llm_usage_logs"("customer_id", "created_at");

-- CreateIndex
CREATE INDEX "llm_usage_logs_provider_created_at_idx" ON "llm_usage_logs"("provider", "created_at");

-- CreateIndex
CREATE INDEX "llm_usage_attempts_request_id_idx" ON "llm_usage_attempts"("request_id");

-- CreateIndex
CREATE INDEX "llm_usage_attempts_created_at_idx" ON "llm_usage_attempts"("created_at");

-- CreateIndex
CREATE INDEX "llm_usage_attempts_provider_created_at_idx" ON "llm_usage_attempts"("provider", "created_at");

SELECT llm_ensure_usage_partitions(
  coalesce(least((SELECT min("created_at") FROM "llm_usage_logs_before"), (SELECT min("created_at") FROM "llm_usage_attempts_before")), now()) - interval '1 month',
  coalesce(greatest((SELECT max("created_at") FROM "llm_usage_logs_before"), (SELECT max("created_at") FROM "llm_usage_attempts_before")), now()) + interval '2 months');
INSERT INTO "llm_usage_logs" SELECT * FROM "llm_usage_logs_before";
INSERT INTO "llm_usage_attempts" SELECT * FROM "llm_usage_attempts_before";
DROP TABLE "llm_usage_logs_before", "llm_usage_attempts_before";

-- CreateTable
CREATE TABLE "llm_usage_rollups" (
    "dimensions" SMALLINT NOT NULL,
    "grain" TEXT NOT NULL,
    "bucket" TIMESTAMPTZ(0) NOT NULL,
    "service" TEXT NOT NULL,
    "customer_id" TEXT NOT NULL,
    "provider" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "requests" BIGINT NOT NULL,
    "cache_hits" BIGINT NOT NULL,
    "errors" BIGINT NOT NULL,
    "unpriced_requests" BIGINT NOT NULL,
    "input_tokens" BIGINT NOT NULL,
    "output_tokens" BIGINT NOT NULL,
    "cost_nano_usd" BIGINT NOT NULL,
    "saved_nano_usd" BIGINT NOT NULL,
    "wasted_nano_usd" BIGINT NOT NULL,
    "calls" BIGINT NOT NULL,
    "failed_calls" BIGINT NOT NULL,
    "latency" BIGINT[],

    CONSTRAINT "llm_usage_rollups_pkey" PRIMARY KEY ("dimensions","grain","bucket","service","customer_id","provider","model")
-- Room for the next version of a row on its own page: the rows of the current hour are updated many times a second.
) WITH (fillfactor = 70);

-- CreateIndex
CREATE INDEX "llm_usage_rollups_customer_id_grain_bucket_idx" ON "llm_usage_rollups"("customer_id", "grain", "bucket");

ALTER TABLE "llm_usage_rollups" ADD CONSTRAINT "llm_usage_rollups_grain" CHECK ("grain" IN ('hour', 'day', 'month'));
