-- +goose Up
-- +goose StatementBegin

-- Sets of trusted roots, published in versions. stale is 1 where what a bundle
-- is gathered from may have changed since it was looked at.
CREATE TABLE trust_bundles (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    key BIGINT NOT NULL, -- that its versions belong to
    name TEXT COLLATE "C" NOT NULL,
    display_name TEXT COLLATE "C",
    description TEXT COLLATE "C",
    subscription_ids TEXT COLLATE "C" NOT NULL, -- JSON; [] for all of the tenant
    include_intermediates BIGINT NOT NULL,
    access BIGINT NOT NULL,
    created_date_time BIGINT NOT NULL,
    last_modified_date_time BIGINT NOT NULL,
    version BIGINT NOT NULL,
    content_hash TEXT COLLATE "C", -- of that version; NULL where none was published
    root_count BIGINT NOT NULL,
    published_date_time BIGINT,
    expiration_date_time BIGINT,
    publish_status BIGINT NOT NULL,
    publish_message TEXT COLLATE "C",
    stale BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, name),
    UNIQUE (tenant, key)
);
CREATE INDEX trust_bundles_stale ON trust_bundles (stale, tenant, id) WHERE stale = 1;

-- What a bundle held. The certificates are DER after DER.
CREATE TABLE trust_bundle_versions (
    tenant TEXT COLLATE "C" NOT NULL,
    subscription_key BIGINT NOT NULL, -- key of the bundle; the name that all children share
    id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    published_date_time BIGINT NOT NULL,
    expiration_date_time BIGINT NOT NULL,
    content_hash TEXT COLLATE "C" NOT NULL,
    thumbprints TEXT COLLATE "C" NOT NULL, -- JSON
    intermediate_thumbprints TEXT COLLATE "C" NOT NULL,
    roots BYTEA NOT NULL,
    intermediates BYTEA, -- NULL for none
    fetch_count BIGINT NOT NULL DEFAULT 0,
    last_fetched_date_time BIGINT,
    PRIMARY KEY (tenant, subscription_key, id),
    UNIQUE (tenant, subscription_key, version)
);

-- The last version under a name whose bundle was deleted: one that is made anew
-- goes on behind it, as the address of a version never changes its content.
CREATE TABLE trust_bundle_names (
    tenant TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);
-- +goose StatementEnd
