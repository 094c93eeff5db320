-- +goose Up
-- +goose StatementBegin

-- Times are steps of 100 ns since 1970-01-01T00:00:00Z; NULL is «not yet» where
-- the entity type calls the property nullable. Enumerations are their numbers.
-- A column that a query may name is called by the rule of odata.Path.Column;
-- <column>_folded is its case-folded twin. Each key begins with the tenant.

CREATE TABLE subscriptions (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    key INTEGER NOT NULL, -- the incarnation that children belong to

    cloud_pki_provider INTEGER NOT NULL,
    display_name TEXT,
    display_name_folded TEXT,
    description TEXT,
    description_folded TEXT,
    created_date_time INTEGER NOT NULL,
    last_modified_date_time INTEGER NOT NULL,
    last_modified_offset INTEGER NOT NULL, -- minutes east of UTC
    sync_status INTEGER NOT NULL,
    last_sync_error TEXT,
    last_sync_error_folded TEXT,
    last_sync_date_time INTEGER NOT NULL,
    last_sync_offset INTEGER NOT NULL,
    trusted_root_certificate BLOB,
    version INTEGER NOT NULL,
    revision INTEGER NOT NULL,

    credentials INTEGER NOT NULL, -- 0 where credentials is null
    credentials_admin_user_name TEXT,
    credentials_admin_user_name_folded TEXT,
    credentials_admin_password BLOB, -- sealed, as are the next three
    credentials_authentication_certificate BLOB,
    credentials_authentication_certificate_password BLOB,
    credentials_key BLOB,
    credential_info_subject TEXT, -- NULL where the certificate does not open
    credential_info_issuer TEXT,
    credential_info_thumbprint TEXT,
    credential_info_not_before INTEGER,
    credential_info_not_after INTEGER,
    credential_info_last_accepted_date_time INTEGER,

    service_uri TEXT,
    provider_settings TEXT, -- JSON
    server_certificate_authorities BLOB,
    sync_schedule INTEGER, -- nanoseconds
    paused INTEGER,

    next_sync_date_time INTEGER,
    failures INTEGER NOT NULL,
    edits INTEGER NOT NULL, -- changes by admins: what If-Match compares

    -- due_at is when a worker must look at the row: the next sync, or while
    -- leased the end of the lease. fence grows with each taking.
    due_at INTEGER,
    lease_owner TEXT,
    fence INTEGER NOT NULL DEFAULT 0,

    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, key)
) STRICT;
CREATE INDEX subscriptions_display_name ON subscriptions (tenant, display_name, id);
CREATE INDEX subscriptions_created ON subscriptions (tenant, created_date_time, id);
CREATE INDEX subscriptions_last_modified ON subscriptions (tenant, last_modified_date_time, id);
CREATE INDEX subscriptions_sync_status ON subscriptions (tenant, sync_status, id);
CREATE INDEX subscriptions_due ON subscriptions (due_at, tenant) WHERE due_at IS NOT NULL;
CREATE INDEX subscriptions_leased ON subscriptions (tenant) WHERE lease_owner IS NOT NULL;
CREATE INDEX subscriptions_expiry ON subscriptions (credential_info_not_after) WHERE credential_info_not_after IS NOT NULL;

CREATE TABLE sync_runs (
    tenant TEXT NOT NULL,
    subscription_key INTEGER NOT NULL,
    id TEXT NOT NULL,
    status INTEGER NOT NULL,
    "trigger" INTEGER NOT NULL,
    queued_date_time INTEGER NOT NULL,
    started_date_time INTEGER,
    ended_date_time INTEGER,
    attempt INTEGER NOT NULL,
    stages TEXT NOT NULL, -- JSON
    found_count INTEGER NOT NULL,
    new_count INTEGER NOT NULL,
    changed_count INTEGER NOT NULL,
    unchanged_count INTEGER NOT NULL,
    skipped_count INTEGER NOT NULL,
    revoked_count INTEGER NOT NULL,
    missing_count INTEGER NOT NULL,
    total_count INTEGER,
    inventory_cursor BLOB,
    error_code TEXT,
    error_message TEXT,
    retry_class TEXT,
    upstream_request_id TEXT,
    next_try_date_time INTEGER,
    PRIMARY KEY (tenant, subscription_key, id)
) STRICT;
CREATE INDEX sync_runs_open ON sync_runs (tenant, subscription_key, status) WHERE status < 2;

CREATE TABLE certificates (
    tenant TEXT NOT NULL,
    subscription_key INTEGER NOT NULL,
    id TEXT NOT NULL,
    subject_name TEXT,
    subject_name_folded TEXT,
    common_name TEXT,
    common_name_folded TEXT,
    issuer_name TEXT,
    issuer_name_folded TEXT,
    serial_number TEXT,
    thumbprint TEXT,
    not_before INTEGER,
    not_after INTEGER,
    status INTEGER NOT NULL,
    revocation_date_time INTEGER,
    revocation_reason INTEGER,
    profile_id TEXT,
    holder TEXT,
    first_seen_date_time INTEGER NOT NULL,
    last_changed_date_time INTEGER NOT NULL,
    missing_since_date_time INTEGER,
    first_run TEXT NOT NULL, -- the run that first met it
    last_run TEXT NOT NULL, -- the last run whose complete listing had it
    PRIMARY KEY (tenant, subscription_key, id)
) STRICT;
CREATE INDEX certificates_not_after ON certificates (tenant, subscription_key, not_after, id);
CREATE INDEX certificates_status ON certificates (tenant, subscription_key, status, id);
CREATE INDEX certificates_serial_number ON certificates (tenant, subscription_key, serial_number, id);
CREATE INDEX certificates_thumbprint ON certificates (tenant, thumbprint, subscription_key, id) WHERE thumbprint IS NOT NULL;

-- The DER of each certificate, once a tenant.
CREATE TABLE certificate_bodies (
    tenant TEXT NOT NULL,
    thumbprint TEXT NOT NULL,
    der BLOB NOT NULL,
    PRIMARY KEY (tenant, thumbprint)
) STRICT;

CREATE TABLE certificate_authorities (
    tenant TEXT NOT NULL,
    subscription_key INTEGER NOT NULL,
    id TEXT NOT NULL,
    kind INTEGER NOT NULL,
    state INTEGER NOT NULL,
    subject_name TEXT NOT NULL,
    subject_name_folded TEXT NOT NULL,
    issuer_name TEXT NOT NULL,
    issuer_name_folded TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    profile_ids TEXT NOT NULL, -- JSON
    first_seen_date_time INTEGER NOT NULL,
    last_seen_date_time INTEGER NOT NULL,
    certificate BLOB NOT NULL,
    PRIMARY KEY (tenant, subscription_key, id)
) STRICT;

CREATE TABLE skipped_items (
    tenant TEXT NOT NULL,
    subscription_key INTEGER NOT NULL,
    id TEXT NOT NULL,
    sync_run_id TEXT NOT NULL,
    serial_number TEXT,
    reason TEXT NOT NULL,
    seen_date_time INTEGER NOT NULL,
    content BLOB,
    PRIMARY KEY (tenant, subscription_key, id)
) STRICT;

CREATE TABLE audit_events (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    activity_date_time INTEGER NOT NULL,
    activity_type TEXT,
    resource_id TEXT,
    actor_application_id TEXT,
    actor_id TEXT,
    actor_name TEXT,
    correlation_id TEXT,
    modified_properties TEXT NOT NULL, -- JSON
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX audit_events_resource ON audit_events (tenant, resource_id, id);

-- The tenants' data keys, each wrapped under the root key.
CREATE TABLE tenant_keys (
    tenant TEXT NOT NULL,
    id BLOB NOT NULL,
    wrapped BLOB NOT NULL,
    is_current INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE UNIQUE INDEX tenant_keys_current ON tenant_keys (tenant) WHERE is_current = 1;

-- What a create answered, for its repetition.
CREATE TABLE receipts (
    tenant TEXT NOT NULL,
    client TEXT NOT NULL,
    key TEXT NOT NULL,
    body_mac BLOB NOT NULL,
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, client, key)
) STRICT;
CREATE INDEX receipts_created ON receipts (created_at);

-- What is left to be removed: the children of a deleted subscription, or, where
-- thumbprint is not empty, a certificate body that may be in use no longer.
CREATE TABLE purges (
    tenant TEXT NOT NULL,
    subscription_key INTEGER NOT NULL,
    thumbprint TEXT NOT NULL,
    PRIMARY KEY (tenant, subscription_key, thumbprint)
) STRICT;
CREATE INDEX purges_thumbprint ON purges (thumbprint);
-- +goose StatementEnd
