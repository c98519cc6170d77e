-- CreateTable
CREATE TABLE "llm_budgets" (
    "id" UUID NOT NULL,
    "scope" TEXT NOT NULL,
    "customer_id" TEXT,
    "service" TEXT,
    "period" TEXT NOT NULL,
    "soft_limit_usd" DECIMAL(18,9),
    "hard_limit_usd" DECIMAL(18,9),
    "webhook_url" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "llm_budgets_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "llm_alerts" (
    "id" UUID NOT NULL,
    "budget_id" UUID NOT NULL,
    "scope" TEXT NOT NULL,
    "customer_id" TEXT,
    "service" TEXT,
    "period" TEXT NOT NULL,
    "window_start" TIMESTAMPTZ(3) NOT NULL,
    "limit_kind" TEXT NOT NULL,
    "threshold" INTEGER NOT NULL,
    "limit_usd" DECIMAL(18,9) NOT NULL,
    "spent_usd" DECIMAL(18,9) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_at" TIMESTAMPTZ(3),
    "delivered_at" TIMESTAMPTZ(3),
    "last_error" TEXT,

    CONSTRAINT "llm_alerts_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
-- NULLS NOT DISTINCT (PostgreSQL 15): a service's budget has no customer, and there is one a window all the same. Prisma cannot say it.
CREATE UNIQUE INDEX "llm_budgets_scope_customer_id_service_period_key" ON "llm_budgets"("scope", "customer_id", "service", "period") NULLS NOT DISTINCT;

-- CreateIndex
CREATE INDEX "llm_alerts_next_at_idx" ON "llm_alerts"("next_at");

-- CreateIndex
CREATE UNIQUE INDEX "llm_alerts_budget_id_window_start_limit_kind_threshold_key" ON "llm_alerts"("budget_id", "window_start", "limit_kind", "threshold");

-- The scope says which of the two names is there, and a budget without a limit would be none. What no build can read must not stand
-- here: it would stop the configuration of all.
ALTER TABLE "llm_budgets" ADD CONSTRAINT "llm_budgets_scope" CHECK (
    ("scope" = 'customer' AND "customer_id" IS NOT NULL AND "service" IS NULL)
    OR ("scope" = 'service' AND "service" IS NOT NULL AND "customer_id" IS NULL)
    OR ("scope" = 'all' AND "customer_id" IS NULL AND "service" IS NULL)
);
ALTER TABLE "llm_budgets" ADD CONSTRAINT "llm_budgets_period" CHECK ("period" IN ('day', 'month'));
ALTER TABLE "llm_budgets" ADD CONSTRAINT "llm_budgets_limits" CHECK (
    ("soft_limit_usd" IS NOT NULL OR "hard_limit_usd" IS NOT NULL)
    AND "soft_limit_usd" > 0 AND "soft_limit_usd" <= 5000000
    AND "hard_limit_usd" > 0 AND "hard_limit_usd" <= 5000000
    AND "soft_limit_usd" <= "hard_limit_usd"
);
