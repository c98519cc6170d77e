-- CreateTable
CREATE TABLE "llm_audit_logs" (
    "id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "key_id" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "target" TEXT NOT NULL,
    "target_id" TEXT NOT NULL,
    "before" JSONB,
    "after" JSONB,
    "request_id" TEXT,
    "address" TEXT,

    CONSTRAINT "llm_audit_logs_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "llm_audit_logs_created_at_idx" ON "llm_audit_logs"("created_at");

-- CreateIndex
CREATE INDEX "llm_audit_logs_target_target_id_id_idx" ON "llm_audit_logs"("target", "target_id", "id");

-- CreateIndex
CREATE INDEX "llm_audit_logs_key_id_id_idx" ON "llm_audit_logs"("key_id", "id");

-- Append-only, whoever asks: what the gateway's own role can write, the gateway's own faults could rewrite. Who owns the table can switch the
-- trigger off, and must do so to throw old entries away; for a role that cannot even do that, run the gateway as another than the owner.
CREATE FUNCTION "llm_audit_logs_refuse"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER "llm_audit_logs_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "llm_audit_logs"
    FOR EACH STATEMENT EXECUTE FUNCTION "llm_audit_logs_refuse"();
