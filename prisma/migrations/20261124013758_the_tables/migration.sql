-- CreateTable
CREATE TABLE "llm_provider_configs" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "api_key_ciphertext" TEXT,
    "api_key_hint" TEXT,
    "base_url" TEXT,
    "default_model" TEXT NOT NULL,
    "models" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "priority" INTEGER NOT NULL DEFAULT 100,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "rpm_limit" INTEGER,
    "tpm_limit" INTEGER,
    "max_concurrency" INTEGER,
    "timeout_ms" INTEGER,
    "max_retries" INTEGER NOT NULL DEFAULT 0,
    "pricing" JSONB,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "llm_provider_configs_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "llm_customer_overrides" (
    "id" UUID NOT NULL,
    "customer_id" TEXT,
    "service" TEXT,
    "provider_id" UUID NOT NULL,
    "model" TEXT,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "llm_customer_overrides_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "llm_config_state" (
    "id" SMALLINT NOT NULL DEFAULT 1,
    "version" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "llm_config_state_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "llm_usage_logs" (
    "id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "service" TEXT NOT NULL,
    "customer_id" TEXT,
    "key_id" TEXT,
    "provider" TEXT,
    "provider_type" TEXT,
    "model" TEXT,
    "status" TEXT NOT NULL,
    "error_code" TEXT,
    "cache_status" TEXT NOT NULL,
    "finish_reason" TEXT,
    "uncached_input_tokens" INTEGER NOT NULL,
    "cache_read_tokens" INTEGER NOT NULL,
    "cache_write_tokens" INTEGER NOT NULL,
    "cache_write_1h_tokens" INTEGER NOT NULL,
    "output_tokens" INTEGER NOT NULL,
    "reasoning_tokens" INTEGER NOT NULL,
    "cost_usd" DECIMAL(18,9),
    "unpriced_reason" TEXT,
    "saved_usd" DECIMAL(18,9) NOT NULL,
    "latency_ms" INTEGER NOT NULL,
    "queue_ms" INTEGER NOT NULL,
    "attempt_count" INTEGER NOT NULL,
    "client_gone" BOOLEAN NOT NULL,
    "metadata" JSONB NOT NULL,
    "related_to" TEXT,

    CONSTRAINT "llm_usage_logs_pkey" PRIMARY KEY ("id","created_at")
);

-- CreateTable
CREATE TABLE "llm_usage_attempts" (
    "id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "request_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "provider" TEXT NOT NULL,
    "provider_type" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "served_model" TEXT,
    "status" TEXT NOT NULL,
    "error" TEXT,
    "error_message" TEXT,
    "http_status" INTEGER,
    "vendor_request_id" TEXT,
    "uncached_input_tokens" INTEGER NOT NULL,
    "cache_read_tokens" INTEGER NOT NULL,
    "cache_write_tokens" INTEGER NOT NULL,
    "cache_write_1h_tokens" INTEGER NOT NULL,
    "output_tokens" INTEGER NOT NULL,
    "reasoning_tokens" INTEGER NOT NULL,
    "estimated" BOOLEAN NOT NULL,
    "cost_usd" DECIMAL(18,9),
    "unpriced_reason" TEXT,
    "price_version" TEXT,
    "latency_ms" INTEGER NOT NULL,
    "limiter_ms" INTEGER NOT NULL,
    "worker" TEXT NOT NULL,

    CONSTRAINT "llm_usage_attempts_pkey" PRIMARY KEY ("id","created_at")
);

-- CreateIndex
CREATE UNIQUE INDEX "llm_provider_configs_name_key" ON "llm_provider_configs"("name");

-- CreateIndex
CREATE INDEX "llm_provider_configs_priority_name_idx" ON "llm_provider_configs"("priority", "name");

-- CreateIndex
CREATE INDEX "llm_customer_overrides_provider_id_idx" ON "llm_customer_overrides"("provider_id");

-- CreateIndex
-- NULLS NOT DISTINCT (PostgreSQL 15): null means "every", and "every customer" may be said once. Prisma cannot say it.
CREATE UNIQUE INDEX "llm_customer_overrides_customer_id_service_key" ON "llm_customer_overrides"("customer_id", "service") NULLS NOT DISTINCT;

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

-- AddForeignKey
ALTER TABLE "llm_customer_overrides" ADD CONSTRAINT "llm_customer_overrides_provider_id_fkey" FOREIGN KEY ("provider_id") REFERENCES "llm_provider_configs"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- An override for everyone everywhere would be the global order, which the providers' priorities already say.
ALTER TABLE "llm_customer_overrides" ADD CONSTRAINT "llm_customer_overrides_names_someone" CHECK ("customer_id" IS NOT NULL OR "service" IS NOT NULL);

-- One row for ever: a second one would split the version that every process watches.
ALTER TABLE "llm_config_state" ADD CONSTRAINT "llm_config_state_single_row" CHECK ("id" = 1);
INSERT INTO "llm_config_state" ("id", "version") VALUES (1, 0);
