-- A page of one customer's requests at one provider found them among all of the customer's: in the index now, and not in hundreds of rows any
-- more that stand on as many pages of the table. Requests are not written until it is there: about a minute for ten millions.
SET LOCAL maintenance_work_mem = '256MB';

-- DropIndex
DROP INDEX "llm_usage_logs_customer_id_created_at_idx";

-- CreateIndex
CREATE INDEX "llm_usage_logs_customer_id_created_at_provider_idx" ON "llm_usage_logs"("customer_id", "created_at", "provider");
