-- With the dimensions in it: a customer's sums also stand under every combination of the others, which are many more and were all read.
-- DropIndex
DROP INDEX "llm_usage_rollups_customer_id_grain_bucket_idx";

-- CreateIndex
CREATE INDEX "llm_usage_rollups_customer_id_dimensions_grain_bucket_idx" ON "llm_usage_rollups"("customer_id", "dimensions", "grain", "bucket");
