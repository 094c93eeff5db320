-- +goose Up
-- +goose StatementBegin

-- Subscriptions to change notifications, their queues, and what was given up.
-- The conventions are those of 0001.

CREATE TABLE notification_subscriptions (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    key INTEGER NOT NULL, -- that queues and dead letters belong to
    application_id TEXT NOT NULL,
    creator_id TEXT NOT NULL,
    resource TEXT NOT NULL, -- as sent
    followed TEXT NOT NULL, -- the set whose objects' changes are told
    incarnation INTEGER, -- key of the one subscription that is followed; NULL for all
    change_type TEXT NOT NULL, -- as sent
    change_set INTEGER NOT NULL, -- the same as bits
    notification_url TEXT NOT NULL,
    lifecycle_notification_url TEXT,
    latest_supported_tls_version TEXT NOT NULL,
    expiration_date_time INTEGER NOT NULL,
    remind_at INTEGER, -- when reauthorizationRequired is to be sent; NULL for not
    client_state BLOB, -- sealed, as is its key
    client_state_key BLOB,
    ended INTEGER NOT NULL DEFAULT 0, -- 1 where only the news of the end is still to be told
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, key)
) STRICT;
CREATE INDEX notification_subscriptions_expiration ON notification_subscriptions (expiration_date_time);
CREATE INDEX notification_subscriptions_remind ON notification_subscriptions (remind_at) WHERE remind_at IS NOT NULL;

-- The two addresses of a subscription, lane 0 for changes and 1 for lifecycle
-- events: when a worker may serve it next; while leased, the end of the lease;
-- after the end of the subscription, when it may be removed. fence grows with
-- each taking.
CREATE TABLE notification_receivers (
    tenant TEXT NOT NULL,
    subscription_key INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    due_at INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    poor INTEGER NOT NULL DEFAULT 0, -- failed or was slow: served apart from the others
    lease_owner TEXT,
    fence INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, subscription_key, lane)
) STRICT;
CREATE INDEX notification_receivers_due ON notification_receivers (poor, due_at);

-- What is to be told, a row for each receiver, in order of number.
CREATE TABLE notification_outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    subscription_key INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    event TEXT NOT NULL, -- change type or lifecycle event
    subscription_id TEXT, -- of the cloudPkiSubscription; NULL for a lifecycle event
    object_id TEXT,
    etag TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX notification_outbox_queue ON notification_outbox (tenant, subscription_key, lane, number);

CREATE TABLE notification_dead_letters (
    tenant TEXT NOT NULL,
    subscription_key INTEGER NOT NULL,
    id TEXT NOT NULL,
    event TEXT NOT NULL,
    resource TEXT,
    resource_id TEXT,
    created_date_time INTEGER NOT NULL,
    dropped_date_time INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (tenant, subscription_key, id)
) STRICT;
CREATE INDEX notification_dead_letters_dropped ON notification_dead_letters (dropped_date_time);
-- +goose StatementEnd
