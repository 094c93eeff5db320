-- +goose Up
-- +goose StatementBegin

-- Bundles have an entity tag and can be followed, as subscriptions; they count
-- their changes under the key -1.
ALTER TABLE trust_bundles ADD COLUMN edits INTEGER NOT NULL DEFAULT 1;
ALTER TABLE trust_bundles ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE trust_bundles ADD COLUMN change INTEGER NOT NULL DEFAULT 1;
INSERT INTO change_counters (tenant, subscription_key, last) SELECT DISTINCT tenant, -1, 1 FROM trust_bundles;
CREATE INDEX trust_bundles_change ON trust_bundles (tenant, change, id);

-- Which objects were deleted, for those who follow a set; subscription_key is
-- that of its counter.
CREATE TABLE tombstones (
    tenant TEXT NOT NULL,
    subscription_key INTEGER NOT NULL,
    id TEXT NOT NULL,
    change INTEGER NOT NULL,
    deleted_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, subscription_key, id)
) STRICT;
CREATE INDEX tombstones_change ON tombstones (tenant, subscription_key, change, id);
CREATE INDEX tombstones_deleted ON tombstones (deleted_at);
INSERT INTO tombstones (tenant, subscription_key, id, change, deleted_at) SELECT tenant, 0, id, change, deleted_at FROM subscription_tombstones;
DROP TABLE subscription_tombstones;
-- +goose StatementEnd
