-- +goose Up
-- +goose StatementBegin

-- Addresses at which devices enrol by EST. Devices know the id alone, so it is
-- unique among all tenants.
CREATE TABLE est_endpoints (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    display_name TEXT COLLATE "C",
    subscription_id TEXT COLLATE "C" NOT NULL,
    profile TEXT COLLATE "C",
    enabled BIGINT NOT NULL,
    user_name TEXT COLLATE "C" NOT NULL,
    password_hash TEXT COLLATE "C" NOT NULL, -- Argon2id
    subject_patterns TEXT COLLATE "C" NOT NULL, -- JSON
    allow_reenrol BIGINT NOT NULL,
    edits BIGINT NOT NULL,
    created_date_time BIGINT NOT NULL,
    last_modified_date_time BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX est_endpoints_subscription ON est_endpoints (tenant, subscription_id);
-- +goose StatementEnd
