-- +goose Up
-- +goose StatementBegin

-- When the alerts of a subscription must be looked at next; each change of the
-- row makes it due.
ALTER TABLE subscriptions ADD COLUMN alerts_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX subscriptions_alerts ON subscriptions (alerts_at);

-- What was told last of each thing that alerts tell of, so that each rung is
-- told once. object_id is the thumbprint of an authority, '' for the
-- subscription itself.
CREATE TABLE alert_marks (
    tenant TEXT COLLATE "C" NOT NULL,
    subscription_key BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    object_id TEXT COLLATE "C" NOT NULL,
    rung BIGINT NOT NULL,
    at BIGINT NOT NULL,
    ends BIGINT, -- of what the rungs lead to; NULL for no end
    PRIMARY KEY (tenant, subscription_key, kind, object_id)
);

-- What is to be delivered, a row for each sink. due_at is when a worker may take
-- it next; while one delivers it, the end of its lease.
CREATE TABLE alert_outbox (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sink TEXT COLLATE "C" NOT NULL,
    alert TEXT COLLATE "C" NOT NULL, -- JSON
    due_at BIGINT NOT NULL,
    failures BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);
CREATE INDEX alert_outbox_due ON alert_outbox (sink, due_at, number);

CREATE INDEX certificate_authorities_roots_end ON certificate_authorities (not_after) WHERE kind = 0 AND state IN (2, 3);
-- +goose StatementEnd
