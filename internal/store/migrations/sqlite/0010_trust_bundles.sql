-- +goose Up
-- +goose StatementBegin

-- Sets of trusted roots, published in versions. stale is 1 where what a bundle
-- is gathered from may have changed since it was looked at.
CREATE TABLE trust_bundles (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    key INTEGER NOT NULL, -- that its versions belong to
    name TEXT NOT NULL,
    display_name TEXT,
    description TEXT,
    subscription_ids TEXT NOT NULL, -- JSON; [] for all of the tenant
    include_intermediates INTEGER NOT NULL,
    access INTEGER NOT NULL,
    created_date_time INTEGER NOT NULL,
    last_modified_date_time INTEGER NOT NULL,
    version INTEGER NOT NULL,
    content_hash TEXT, -- of that version; NULL where none was published
    root_count INTEGER NOT NULL,
    published_date_time INTEGER,
    expiration_date_time INTEGER,
    publish_status INTEGER NOT NULL,
    publish_message TEXT,
    stale INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, name),
    UNIQUE (tenant, key)
) STRICT;
CREATE INDEX trust_bundles_stale ON trust_bundles (stale, tenant, id) WHERE stale = 1;

-- What a bundle held. The certificates are DER after DER.
CREATE TABLE trust_bundle_versions (
    tenant TEXT NOT NULL,
    subscription_key INTEGER NOT NULL, -- key of the bundle; the name that all children share
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    published_date_time INTEGER NOT NULL,
    expiration_date_time INTEGER NOT NULL,
    content_hash TEXT NOT NULL,
    thumbprints TEXT NOT NULL, -- JSON
    intermediate_thumbprints TEXT NOT NULL,
    roots BLOB NOT NULL,
    intermediates BLOB, -- NULL for none
    fetch_count INTEGER NOT NULL DEFAULT 0,
    last_fetched_date_time INTEGER,
    PRIMARY KEY (tenant, subscription_key, id),
    UNIQUE (tenant, subscription_key, version)
) STRICT;

-- The last version under a name whose bundle was deleted: one that is made anew
-- goes on behind it, as the address of a version never changes its content.
CREATE TABLE trust_bundle_names (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT;
-- +goose StatementEnd
