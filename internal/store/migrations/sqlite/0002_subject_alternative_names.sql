-- +goose Up
-- +goose StatementBegin

-- NULL where a certificate has none, or was stored before there was this column
-- and not met again since.
ALTER TABLE certificates ADD COLUMN subject_alternative_names TEXT;
ALTER TABLE certificates ADD COLUMN subject_alternative_names_folded TEXT;

-- Each ends in what a list is sorted by where no order is asked for, so that a
-- page reads what it shows and no more, however long the inventory is.
CREATE INDEX certificates_status_not_after ON certificates (tenant, subscription_key, status, not_after, id);
CREATE INDEX certificates_common_name ON certificates (tenant, subscription_key, common_name, id);
CREATE INDEX certificates_profile ON certificates (tenant, subscription_key, profile_id, id);
-- +goose StatementEnd
