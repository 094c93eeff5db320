-- +goose Up
-- +goose StatementBegin

-- How the ways out for alerts have fared: what an operator reads with doctor.
CREATE TABLE alert_sinks (
    sink TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    delivered_at BIGINT, -- last; NULL for never
    failed_at BIGINT, -- last; NULL for never
    error TEXT COLLATE "C", -- of the last failure, without secrets
    dropped BIGINT NOT NULL DEFAULT 0, -- alerts given up so far
    dropped_at BIGINT -- last; NULL for never
);
-- +goose StatementEnd
