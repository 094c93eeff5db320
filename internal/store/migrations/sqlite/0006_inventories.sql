-- +goose Up
-- +goose StatementBegin

-- How the inventory of a subscription is followed.
CREATE TABLE inventories (
    tenant TEXT NOT NULL,
    subscription_key INTEGER NOT NULL,
    ordinals INTEGER NOT NULL, -- how many were given to certificates
    position TEXT, -- JSON; how far it has been followed
    listing TEXT, -- JSON; the scan under way, or left unfinished
    listing_id TEXT, -- of the last complete listing that was begun
    listing_from INTEGER, -- ordinals when it was begun
    PRIMARY KEY (tenant, subscription_key)
) STRICT;

-- Which certificates a complete listing has met: bit i of row n stands for
-- ordinal 32768 * n + i. Zeros at the end are left out, and so is a row of
-- nothing but zeros; a row of another listing counts as such.
CREATE TABLE inventory_seen (
    tenant TEXT NOT NULL,
    subscription_key INTEGER NOT NULL,
    number INTEGER NOT NULL,
    listing_id TEXT NOT NULL,
    bits BLOB NOT NULL,
    PRIMARY KEY (tenant, subscription_key, number)
) STRICT;

-- ordinal numbers the certificates of a subscription from 0 on, without gaps;
-- listed is 1 for those that the CA's list has ever had.
ALTER TABLE certificates ADD COLUMN ordinal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE certificates ADD COLUMN listed INTEGER NOT NULL DEFAULT 0;
UPDATE certificates SET ordinal = numbered.ordinal, listed = CASE WHEN last_run = '' THEN 0 ELSE 1 END
FROM (SELECT tenant, subscription_key, id,
	ROW_NUMBER() OVER (PARTITION BY tenant, subscription_key ORDER BY id) - 1 AS ordinal FROM certificates) AS numbered
WHERE certificates.tenant = numbered.tenant AND certificates.subscription_key = numbered.subscription_key AND certificates.id = numbered.id;
ALTER TABLE certificates DROP COLUMN first_run;
ALTER TABLE certificates DROP COLUMN last_run;
CREATE UNIQUE INDEX certificates_ordinal ON certificates (tenant, subscription_key, ordinal);
INSERT INTO inventories (tenant, subscription_key, ordinals)
SELECT tenant, subscription_key, COUNT(*) FROM certificates GROUP BY tenant, subscription_key;

-- dry_run is 1 for a run that only tells what a sync would do, and
-- trust_change what it would do to the roots.
ALTER TABLE sync_runs DROP COLUMN inventory_cursor;
ALTER TABLE sync_runs ADD COLUMN dry_run INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sync_runs ADD COLUMN trust_change TEXT;
-- +goose StatementEnd
