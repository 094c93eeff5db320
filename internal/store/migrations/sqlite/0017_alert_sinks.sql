-- +goose Up
-- +goose StatementBegin

-- How the ways out for alerts have fared: what an operator reads with doctor.
CREATE TABLE alert_sinks (
    sink TEXT NOT NULL PRIMARY KEY,
    delivered_at INTEGER, -- last; NULL for never
    failed_at INTEGER, -- last; NULL for never
    error TEXT, -- of the last failure, without secrets
    dropped INTEGER NOT NULL DEFAULT 0, -- alerts given up so far
    dropped_at INTEGER -- last; NULL for never
) STRICT;
-- +goose StatementEnd
