-- +goose Up
-- +goose StatementBegin

-- Who fetched which version of a bundle, a row for each format.
CREATE TABLE trust_bundle_fetches (
    tenant TEXT COLLATE "C" NOT NULL,
    subscription_key BIGINT NOT NULL, -- key of the bundle; the name that all children share
    id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    fetcher_type BIGINT NOT NULL,
    fetcher_id TEXT COLLATE "C" NOT NULL, -- '' for all whom there was no room for
    fetcher_display_name TEXT COLLATE "C",
    format TEXT COLLATE "C" NOT NULL,
    fetch_count BIGINT NOT NULL,
    first_fetched_date_time BIGINT NOT NULL,
    last_fetched_date_time BIGINT NOT NULL,
    PRIMARY KEY (tenant, subscription_key, id),
    UNIQUE (tenant, subscription_key, version, fetcher_type, fetcher_id, format)
);
CREATE INDEX trust_bundle_fetches_fetcher ON trust_bundle_fetches (tenant, subscription_key, fetcher_type, fetcher_id, version);
-- +goose StatementEnd
