-- +goose Up
-- +goose StatementBegin

-- How the ways out for alerts have fared: what an operator reads with doctor.
CREATE TABLE alert_sinks (
    sink TEXT NOT NULL PRIMARY KEY,
    delivered_at INTEGER, -- last; NULL for never
    failed_at INTEGER, -- last; NULL for never
    error TEXT, -- of the last failure, without secrets
    dropped INTEGER NOT NULL DEFAULT 0, -- alerts given up so far
    dropped_at INTEGER -- last; NULL for never
) STRICT;

-- Alerts as they can be read and followed: one for each thing that holds, until
-- a while after it holds no longer. They count their changes under the key -2.
CREATE TABLE alerts (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    subscription_key INTEGER NOT NULL,
    kind TEXT NOT NULL,
    severity INTEGER NOT NULL,
    subscription_id TEXT NOT NULL,
    certificate_authority_id TEXT, -- what it is about; NULL for the subscription itself
    expiry_stage TEXT,
    expiration_date_time INTEGER,
    certificate_count INTEGER,
    title TEXT NOT NULL,
    detail TEXT NOT NULL,
    action TEXT NOT NULL,
    path TEXT NOT NULL,
    console TEXT NOT NULL,
    page TEXT NOT NULL,
    created_date_time INTEGER NOT NULL,
    last_told_date_time INTEGER NOT NULL,
    resolved_date_time INTEGER, -- NULL while it holds
    revision INTEGER NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX alerts_change ON alerts (tenant, change, id);
CREATE INDEX alerts_standing ON alerts (tenant, subscription_key) WHERE resolved_date_time IS NULL;
CREATE INDEX alerts_resolved ON alerts (resolved_date_time) WHERE resolved_date_time IS NOT NULL;
-- +goose StatementEnd
