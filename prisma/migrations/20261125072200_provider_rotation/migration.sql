-- AlterTable
ALTER TABLE "llm_customer_overrides" ADD COLUMN     "version" INTEGER NOT NULL DEFAULT 1;

-- AlterTable
ALTER TABLE "llm_provider_configs" ADD COLUMN     "previous_key_ciphertext" TEXT,
ADD COLUMN     "previous_key_until" TIMESTAMPTZ(3),
ADD COLUMN     "stand_in" BOOLEAN NOT NULL DEFAULT false;

-- A key without an end would stay for ever.
ALTER TABLE "llm_provider_configs" ADD CONSTRAINT "llm_provider_configs_previous_key_check"
CHECK (("previous_key_ciphertext" IS NULL) = ("previous_key_until" IS NULL));
