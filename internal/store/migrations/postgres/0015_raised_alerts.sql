-- +goose Up
-- +goose StatementBegin

-- How the ways out for alerts have fared: what an operator reads with doctor.
CREATE TABLE alert_sinks (
    sink TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    delivered_at BIGINT, -- last; NULL for never
    failed_at BIGINT, -- last; NULL for never
    error TEXT COLLATE "C", -- of the last failure, without secrets
    dropped BIGINT NOT NULL DEFAULT 0, -- alerts given up so far
    dropped_at BIGINT -- last; NULL for never
);

-- Alerts as they can be read and followed: one for each thing that holds, until
-- a while after it holds no longer. They count their changes under the key -2.
CREATE TABLE alerts (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    subscription_key BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    severity BIGINT NOT NULL,
    subscription_id TEXT COLLATE "C" NOT NULL,
    certificate_authority_id TEXT COLLATE "C", -- what it is about; NULL for the subscription itself
    expiry_stage TEXT COLLATE "C",
    expiration_date_time BIGINT,
    certificate_count BIGINT,
    title TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    console TEXT COLLATE "C" NOT NULL,
    page TEXT COLLATE "C" NOT NULL,
    created_date_time BIGINT NOT NULL,
    last_told_date_time BIGINT NOT NULL,
    resolved_date_time BIGINT, -- NULL while it holds
    revision BIGINT NOT NULL,
    change BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX alerts_change ON alerts (tenant, change, id);
CREATE INDEX alerts_standing ON alerts (tenant, subscription_key) WHERE resolved_date_time IS NULL;
CREATE INDEX alerts_resolved ON alerts (resolved_date_time) WHERE resolved_date_time IS NOT NULL;
-- +goose StatementEnd
