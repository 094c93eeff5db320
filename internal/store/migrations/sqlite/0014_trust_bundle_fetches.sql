-- +goose Up
-- +goose StatementBegin

-- Who fetched which version of a bundle, a row for each format.
CREATE TABLE trust_bundle_fetches (
    tenant TEXT NOT NULL,
    subscription_key INTEGER NOT NULL, -- key of the bundle; the name that all children share
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    fetcher_type INTEGER NOT NULL,
    fetcher_id TEXT NOT NULL, -- '' for all whom there was no room for
    fetcher_display_name TEXT,
    format TEXT NOT NULL,
    fetch_count INTEGER NOT NULL,
    first_fetched_date_time INTEGER NOT NULL,
    last_fetched_date_time INTEGER NOT NULL,
    PRIMARY KEY (tenant, subscription_key, id),
    UNIQUE (tenant, subscription_key, version, fetcher_type, fetcher_id, format)
) STRICT;
CREATE INDEX trust_bundle_fetches_fetcher ON trust_bundle_fetches (tenant, subscription_key, fetcher_type, fetcher_id, version);
-- +goose StatementEnd
