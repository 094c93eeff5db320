-- +goose Up
-- +goose StatementBegin

-- Whether the run was asked to stop; its worker hears of it when it extends
-- its lease.
ALTER TABLE sync_runs ADD COLUMN stop_asked INTEGER NOT NULL DEFAULT 0;
-- +goose StatementEnd
