-- +goose Up
-- +goose StatementBegin

-- A request that waits for approval at its CA: provider, a slash, and what the CA
-- calls it; '' for none. The CA is not asked again before ask_after.
ALTER TABLE receipts ADD COLUMN pending TEXT NOT NULL DEFAULT '';
ALTER TABLE receipts ADD COLUMN ask_after INTEGER NOT NULL DEFAULT 0;
-- +goose StatementEnd
