-- +goose Up
-- +goose StatementBegin

-- ca_host is host and port of the CA, by which syncs are counted; NULL until
-- the subscription is written next. waiting is 1 for a lease whose CA does not
-- answer: it counts apart from those at work.
ALTER TABLE subscriptions ADD COLUMN ca_host TEXT COLLATE "C";
ALTER TABLE subscriptions ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;
DROP INDEX subscriptions_due;
CREATE INDEX subscriptions_due ON subscriptions (due_at, tenant, ca_host) WHERE due_at IS NOT NULL;
CREATE INDEX subscriptions_due_tenant ON subscriptions (tenant, due_at, ca_host) WHERE due_at IS NOT NULL;
DROP INDEX subscriptions_leased;
CREATE INDEX subscriptions_leased ON subscriptions (tenant, waiting, due_at, ca_host) WHERE lease_owner IS NOT NULL;
CREATE INDEX subscriptions_leased_host ON subscriptions (ca_host, waiting, due_at) WHERE lease_owner IS NOT NULL;
-- +goose StatementEnd
