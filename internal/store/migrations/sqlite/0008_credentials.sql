-- +goose Up
-- +goose StatementBegin

-- What is known of the credentials; NULL where there are none.
ALTER TABLE subscriptions ADD COLUMN credential_info_status INTEGER;
ALTER TABLE subscriptions ADD COLUMN credential_info_status_date_time INTEGER;
ALTER TABLE subscriptions ADD COLUMN credential_info_token_expiration_date_time INTEGER;
ALTER TABLE subscriptions ADD COLUMN credential_info_expiration_date_time INTEGER; -- the sooner end
ALTER TABLE subscriptions ADD COLUMN credential_info_expiry_stage INTEGER; -- the last rung of the ladder that was told

-- The slots beside the current credentials: what may be read of each, and its
-- sealed secrets, both JSON; NULL where a slot is empty.
ALTER TABLE subscriptions ADD COLUMN credentials_staged TEXT;
ALTER TABLE subscriptions ADD COLUMN credentials_staged_secrets TEXT;
ALTER TABLE subscriptions ADD COLUMN credentials_previous TEXT;
ALTER TABLE subscriptions ADD COLUMN credentials_previous_secrets TEXT;

-- Why nothing is sent to the CA, JSON; when the credentials are to be proved
-- without a sync, and when they must be looked at again.
ALTER TABLE subscriptions ADD COLUMN refusal TEXT;
ALTER TABLE subscriptions ADD COLUMN next_probe_date_time INTEGER;
ALTER TABLE subscriptions ADD COLUMN credentials_tend_at INTEGER;

UPDATE subscriptions SET
    credential_info_status = CASE WHEN credential_info_last_accepted_date_time IS NULL THEN 0 ELSE 1 END,
    credential_info_status_date_time = credential_info_last_accepted_date_time,
    credential_info_expiration_date_time = credential_info_not_after,
    credential_info_expiry_stage = 0,
    credentials_tend_at = credential_info_not_after - 77760000000000 -- 90 days, in steps of 100 ns
WHERE credentials = 1;

DROP INDEX subscriptions_expiry;
CREATE INDEX subscriptions_expiry ON subscriptions (credential_info_expiration_date_time) WHERE credential_info_expiration_date_time IS NOT NULL;
CREATE INDEX subscriptions_tend ON subscriptions (credentials_tend_at) WHERE credentials_tend_at IS NOT NULL;
-- +goose StatementEnd
