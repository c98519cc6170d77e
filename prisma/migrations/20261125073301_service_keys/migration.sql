-- CreateTable
CREATE TABLE "llm_service_keys" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "service" TEXT,
    "scopes" TEXT[],
    "fingerprint" TEXT NOT NULL,
    "previous_fingerprint" TEXT,
    "previous_until" TIMESTAMPTZ(3),
    "expires_at" TIMESTAMPTZ(3),
    "rpm_limit" INTEGER,
    "last_used_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "llm_service_keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "llm_sealed_secrets" (
    "name" TEXT NOT NULL,
    "ciphertext" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "llm_sealed_secrets_pkey" PRIMARY KEY ("name")
);

-- CreateIndex
CREATE UNIQUE INDEX "llm_service_keys_name_key" ON "llm_service_keys"("name");

-- What no build could read must not stand here: it would stop the configuration of all.
ALTER TABLE "llm_service_keys" ADD CONSTRAINT "llm_service_keys_fingerprints" CHECK (
    length("fingerprint") = 64
    AND ("previous_fingerprint" IS NULL) = ("previous_until" IS NULL)
    AND ("previous_fingerprint" IS NULL OR length("previous_fingerprint") = 64)
);
ALTER TABLE "llm_service_keys" ADD CONSTRAINT "llm_service_keys_rpm_limit" CHECK ("rpm_limit" > 0);
-- Whoever may administer everything belongs to no one service.
ALTER TABLE "llm_service_keys" ADD CONSTRAINT "llm_service_keys_admin" CHECK ("service" IS NULL OR NOT ('admin' = ANY ("scopes")));
