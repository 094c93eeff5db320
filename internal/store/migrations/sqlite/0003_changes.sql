-- +goose Up
-- +goose StatementBegin

-- The number of the last change in a tenant's set of subscriptions (key 0) or
-- in the certificates of one of them. The objects of a set are followed in the
-- order of their numbers; those of before this table have 1.
CREATE TABLE change_counters (
    tenant TEXT NOT NULL,
    subscription_key INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (tenant, subscription_key)
) STRICT;

ALTER TABLE subscriptions ADD COLUMN change INTEGER NOT NULL DEFAULT 1;
ALTER TABLE certificates ADD COLUMN change INTEGER NOT NULL DEFAULT 1;
INSERT INTO change_counters (tenant, subscription_key, last) SELECT DISTINCT tenant, 0, 1 FROM subscriptions;
INSERT INTO change_counters (tenant, subscription_key, last) SELECT tenant, key, 1 FROM subscriptions;
CREATE INDEX subscriptions_change ON subscriptions (tenant, change, id);
CREATE INDEX certificates_change ON certificates (tenant, subscription_key, change, id);

-- Which subscriptions were deleted, for those who follow the set.
CREATE TABLE subscription_tombstones (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    change INTEGER NOT NULL,
    deleted_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX subscription_tombstones_change ON subscription_tombstones (tenant, change, id);
CREATE INDEX subscription_tombstones_deleted ON subscription_tombstones (deleted_at);
-- +goose StatementEnd
