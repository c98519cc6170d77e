-- Also in sessions that replay what others have done (session_replication_role = replica), in which ordinary triggers are silent.
ALTER TABLE "llm_audit_logs" ENABLE ALWAYS TRIGGER "llm_audit_logs_append_only";
