-- +goose Up
-- +goose StatementBegin

-- What was decided about a root, why and by whom; NULL where nothing was.
ALTER TABLE certificate_authorities ADD COLUMN state_changed_date_time BIGINT;
ALTER TABLE certificate_authorities ADD COLUMN state_reason TEXT COLLATE "C";
ALTER TABLE certificate_authorities ADD COLUMN decided_by TEXT COLLATE "C";
ALTER TABLE certificate_authorities ADD COLUMN replaces_thumbprint TEXT COLLATE "C";
ALTER TABLE certificate_authorities ADD COLUMN retire_date_time BIGINT;

ALTER TABLE audit_events ADD COLUMN reason TEXT COLLATE "C";
ALTER TABLE audit_events ADD COLUMN old_thumbprint TEXT COLLATE "C";
ALTER TABLE audit_events ADD COLUMN new_thumbprint TEXT COLLATE "C";

ALTER TABLE subscriptions ADD COLUMN trust_change_policy INTEGER;
ALTER TABLE subscriptions ADD COLUMN provider_migration TEXT; -- JSON; NULL where the provider was never changed

-- The providers under which a certificate was first met and last listed.
ALTER TABLE certificates ADD COLUMN first_provider INTEGER NOT NULL DEFAULT 0;
ALTER TABLE certificates ADD COLUMN last_provider INTEGER NOT NULL DEFAULT 0;
UPDATE certificates SET first_provider = s.cloud_pki_provider, last_provider = s.cloud_pki_provider
FROM subscriptions s WHERE s.tenant = certificates.tenant AND s.key = certificates.subscription_key;
-- +goose StatementEnd
