-- +goose Up
-- +goose StatementBegin

-- Subscriptions to change notifications, their queues, and what was given up.
-- The conventions are those of 0001.

CREATE TABLE notification_subscriptions (
    tenant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    key BIGINT NOT NULL, -- that queues and dead letters belong to
    application_id TEXT COLLATE "C" NOT NULL,
    creator_id TEXT COLLATE "C" NOT NULL,
    resource TEXT COLLATE "C" NOT NULL, -- as sent
    followed TEXT COLLATE "C" NOT NULL, -- the set whose objects' changes are told
    incarnation BIGINT, -- key of the one subscription that is followed; NULL for all
    change_type TEXT COLLATE "C" NOT NULL, -- as sent
    change_set BIGINT NOT NULL, -- the same as bits
    notification_url TEXT COLLATE "C" NOT NULL,
    lifecycle_notification_url TEXT COLLATE "C",
    latest_supported_tls_version TEXT COLLATE "C" NOT NULL,
    expiration_date_time BIGINT NOT NULL,
    remind_at BIGINT, -- when reauthorizationRequired is to be sent; NULL for not
    client_state BYTEA, -- sealed, as is its key
    client_state_key BYTEA,
    ended BIGINT NOT NULL DEFAULT 0, -- 1 where only the news of the end is still to be told
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, key)
);
CREATE INDEX notification_subscriptions_expiration ON notification_subscriptions (expiration_date_time);
CREATE INDEX notification_subscriptions_remind ON notification_subscriptions (remind_at) WHERE remind_at IS NOT NULL;

-- The two addresses of a subscription, lane 0 for changes and 1 for lifecycle
-- events: when a worker may serve it next; while leased, the end of the lease;
-- after the end of the subscription, when it may be removed. fence grows with
-- each taking.
CREATE TABLE notification_receivers (
    tenant TEXT COLLATE "C" NOT NULL,
    subscription_key BIGINT NOT NULL,
    lane BIGINT NOT NULL,
    due_at BIGINT NOT NULL DEFAULT 0,
    failures BIGINT NOT NULL DEFAULT 0,
    poor BIGINT NOT NULL DEFAULT 0, -- failed or was slow: served apart from the others
    lease_owner TEXT COLLATE "C",
    fence BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, subscription_key, lane)
);
CREATE INDEX notification_receivers_due ON notification_receivers (poor, due_at);

-- What is to be told, a row for each receiver, in order of number.
CREATE TABLE notification_outbox (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    subscription_key BIGINT NOT NULL,
    lane BIGINT NOT NULL,
    event TEXT COLLATE "C" NOT NULL, -- change type or lifecycle event
    subscription_id TEXT COLLATE "C", -- of the cloudPkiSubscription; NULL for a lifecycle event
    object_id TEXT COLLATE "C",
    etag TEXT COLLATE "C",
    created_at BIGINT NOT NULL
);
CREATE INDEX notification_outbox_queue ON notification_outbox (tenant, subscription_key, lane, number);

CREATE TABLE notification_dead_letters (
    tenant TEXT COLLATE "C" NOT NULL,
    subscription_key BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    event TEXT COLLATE "C" NOT NULL,
    resource TEXT COLLATE "C",
    resource_id TEXT COLLATE "C",
    created_date_time BIGINT NOT NULL,
    dropped_date_time BIGINT NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, subscription_key, id)
);
CREATE INDEX notification_dead_letters_dropped ON notification_dead_letters (dropped_date_time);
-- +goose StatementEnd
