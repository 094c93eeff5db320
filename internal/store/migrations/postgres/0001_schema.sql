-- +goose Up
-- +goose StatementBegin

-- Times are steps of 100 ns since 1970-01-01T00:00:00Z; NULL is «not yet» where
-- the entity type calls the property nullable. Enumerations are their numbers.
-- A column that a query may name is called by the rule of odata.Path.Column;
-- <column>_folded is its case-folded twin. Each key begins with the tenant.

CREATE TABLE subscriptions (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    key BIGINT NOT NULL, -- the incarnation that children belong to

    cloud_pki_provider INTEGER NOT NULL,
    display_name TEXT COLLATE "C",
    display_name_folded TEXT COLLATE "C",
    description TEXT COLLATE "C",
    description_folded TEXT COLLATE "C",
    created_date_time BIGINT NOT NULL,
    last_modified_date_time BIGINT NOT NULL,
    last_modified_offset INTEGER NOT NULL, -- minutes east of UTC
    sync_status INTEGER NOT NULL,
    last_sync_error TEXT COLLATE "C",
    last_sync_error_folded TEXT COLLATE "C",
    last_sync_date_time BIGINT NOT NULL,
    last_sync_offset INTEGER NOT NULL,
    trusted_root_certificate BYTEA,
    version BIGINT NOT NULL,
    revision BIGINT NOT NULL,

    credentials INTEGER NOT NULL, -- 0 where credentials is null
    credentials_admin_user_name TEXT COLLATE "C",
    credentials_admin_user_name_folded TEXT COLLATE "C",
    credentials_admin_password BYTEA, -- sealed, as are the next three
    credentials_authentication_certificate BYTEA,
    credentials_authentication_certificate_password BYTEA,
    credentials_key BYTEA,
    credential_info_subject TEXT COLLATE "C", -- NULL where the certificate does not open
    credential_info_issuer TEXT COLLATE "C",
    credential_info_thumbprint TEXT COLLATE "C",
    credential_info_not_before BIGINT,
    credential_info_not_after BIGINT,
    credential_info_last_accepted_date_time BIGINT,

    service_uri TEXT COLLATE "C",
    provider_settings TEXT COLLATE "C", -- JSON
    server_certificate_authorities BYTEA,
    sync_schedule BIGINT, -- nanoseconds
    paused INTEGER,

    next_sync_date_time BIGINT,
    failures BIGINT NOT NULL,
    edits BIGINT NOT NULL, -- changes by admins: what If-Match compares

    -- due_at is when a worker must look at the row: the next sync, or while
    -- leased the end of the lease. fence grows with each taking.
    due_at BIGINT,
    lease_owner TEXT COLLATE "C",
    fence BIGINT NOT NULL DEFAULT 0,

    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, key)
);
-- No index on display_name: an entry of a B-tree must not exceed 2.7 kB here.
CREATE INDEX subscriptions_created ON subscriptions (tenant, created_date_time, id);
CREATE INDEX subscriptions_last_modified ON subscriptions (tenant, last_modified_date_time, id);
CREATE INDEX subscriptions_sync_status ON subscriptions (tenant, sync_status, id);
CREATE INDEX subscriptions_due ON subscriptions (due_at, tenant) WHERE due_at IS NOT NULL;
CREATE INDEX subscriptions_leased ON subscriptions (tenant) WHERE lease_owner IS NOT NULL;
CREATE INDEX subscriptions_expiry ON subscriptions (credential_info_not_after) WHERE credential_info_not_after IS NOT NULL;

CREATE TABLE sync_runs (
    tenant TEXT COLLATE "C" NOT NULL,
    subscription_key BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    status INTEGER NOT NULL,
    "trigger" INTEGER NOT NULL,
    queued_date_time BIGINT NOT NULL,
    started_date_time BIGINT,
    ended_date_time BIGINT,
    attempt BIGINT NOT NULL,
    stages TEXT COLLATE "C" NOT NULL, -- JSON
    found_count BIGINT NOT NULL,
    new_count BIGINT NOT NULL,
    changed_count BIGINT NOT NULL,
    unchanged_count BIGINT NOT NULL,
    skipped_count BIGINT NOT NULL,
    revoked_count BIGINT NOT NULL,
    missing_count BIGINT NOT NULL,
    total_count BIGINT,
    inventory_cursor BYTEA,
    error_code TEXT COLLATE "C",
    error_message TEXT COLLATE "C",
    retry_class TEXT COLLATE "C",
    upstream_request_id TEXT COLLATE "C",
    next_try_date_time BIGINT,
    PRIMARY KEY (tenant, subscription_key, id)
);
CREATE INDEX sync_runs_open ON sync_runs (tenant, subscription_key, status) WHERE status < 2;

CREATE TABLE certificates (
    tenant TEXT COLLATE "C" NOT NULL,
    subscription_key BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    subject_name TEXT COLLATE "C",
    subject_name_folded TEXT COLLATE "C",
    common_name TEXT COLLATE "C",
    common_name_folded TEXT COLLATE "C",
    issuer_name TEXT COLLATE "C",
    issuer_name_folded TEXT COLLATE "C",
    serial_number TEXT COLLATE "C",
    thumbprint TEXT COLLATE "C",
    not_before BIGINT,
    not_after BIGINT,
    status INTEGER NOT NULL,
    revocation_date_time BIGINT,
    revocation_reason BIGINT,
    profile_id TEXT COLLATE "C",
    holder TEXT COLLATE "C",
    first_seen_date_time BIGINT NOT NULL,
    last_changed_date_time BIGINT NOT NULL,
    missing_since_date_time BIGINT,
    first_run TEXT COLLATE "C" NOT NULL, -- the run that first met it
    last_run TEXT COLLATE "C" NOT NULL, -- the last run whose complete listing had it
    PRIMARY KEY (tenant, subscription_key, id)
) WITH (fillfactor = 80); -- room to mark a row as seen without touching the indexes
CREATE INDEX certificates_not_after ON certificates (tenant, subscription_key, not_after NULLS FIRST, id);
CREATE INDEX certificates_status ON certificates (tenant, subscription_key, status, id);
CREATE INDEX certificates_serial_number ON certificates (tenant, subscription_key, serial_number NULLS FIRST, id);
CREATE INDEX certificates_thumbprint ON certificates (tenant, thumbprint, subscription_key, id) WHERE thumbprint IS NOT NULL;

-- The DER of each certificate, once a tenant.
CREATE TABLE certificate_bodies (
    tenant TEXT COLLATE "C" NOT NULL,
    thumbprint TEXT COLLATE "C" NOT NULL,
    der BYTEA NOT NULL,
    PRIMARY KEY (tenant, thumbprint)
);

CREATE TABLE certificate_authorities (
    tenant TEXT COLLATE "C" NOT NULL,
    subscription_key BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    kind INTEGER NOT NULL,
    state INTEGER NOT NULL,
    subject_name TEXT COLLATE "C" NOT NULL,
    subject_name_folded TEXT COLLATE "C" NOT NULL,
    issuer_name TEXT COLLATE "C" NOT NULL,
    issuer_name_folded TEXT COLLATE "C" NOT NULL,
    serial_number TEXT COLLATE "C" NOT NULL,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    profile_ids TEXT COLLATE "C" NOT NULL, -- JSON
    first_seen_date_time BIGINT NOT NULL,
    last_seen_date_time BIGINT NOT NULL,
    certificate BYTEA NOT NULL,
    PRIMARY KEY (tenant, subscription_key, id)
);

CREATE TABLE skipped_items (
    tenant TEXT COLLATE "C" NOT NULL,
    subscription_key BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    sync_run_id TEXT COLLATE "C" NOT NULL,
    serial_number TEXT COLLATE "C",
    reason TEXT COLLATE "C" NOT NULL,
    seen_date_time BIGINT NOT NULL,
    content BYTEA,
    PRIMARY KEY (tenant, subscription_key, id)
);

CREATE TABLE audit_events (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    activity_date_time BIGINT NOT NULL,
    activity_type TEXT COLLATE "C",
    resource_id TEXT COLLATE "C",
    actor_application_id TEXT COLLATE "C",
    actor_id TEXT COLLATE "C",
    actor_name TEXT COLLATE "C",
    correlation_id TEXT COLLATE "C",
    modified_properties TEXT COLLATE "C" NOT NULL, -- JSON
    PRIMARY KEY (tenant, id)
);
CREATE INDEX audit_events_resource ON audit_events (tenant, resource_id NULLS FIRST, id);

-- The tenants' data keys, each wrapped under the root key.
CREATE TABLE tenant_keys (
    tenant TEXT COLLATE "C" NOT NULL,
    id BYTEA NOT NULL,
    wrapped BYTEA NOT NULL,
    is_current INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX tenant_keys_current ON tenant_keys (tenant) WHERE is_current = 1;

-- What a create answered, for its repetition.
CREATE TABLE receipts (
    tenant TEXT COLLATE "C" NOT NULL,
    client TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    body_mac BYTEA NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, client, key)
);
CREATE INDEX receipts_created ON receipts (created_at);

-- What is left to be removed: the children of a deleted subscription, or, where
-- thumbprint is not empty, a certificate body that may be in use no longer.
CREATE TABLE purges (
    tenant TEXT COLLATE "C" NOT NULL,
    subscription_key BIGINT NOT NULL,
    thumbprint TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, subscription_key, thumbprint)
);
CREATE INDEX purges_thumbprint ON purges (thumbprint);
-- +goose StatementEnd
