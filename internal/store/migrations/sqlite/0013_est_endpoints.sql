-- +goose Up
-- +goose StatementBegin

-- Addresses at which devices enrol by EST. Devices know the id alone, so it is
-- unique among all tenants.
CREATE TABLE est_endpoints (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    display_name TEXT,
    subscription_id TEXT NOT NULL,
    profile TEXT,
    enabled INTEGER NOT NULL,
    user_name TEXT NOT NULL,
    password_hash TEXT NOT NULL, -- Argon2id
    subject_patterns TEXT NOT NULL, -- JSON
    allow_reenrol INTEGER NOT NULL,
    edits INTEGER NOT NULL,
    created_date_time INTEGER NOT NULL,
    last_modified_date_time INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX est_endpoints_subscription ON est_endpoints (tenant, subscription_id);
-- +goose StatementEnd
