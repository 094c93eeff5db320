package store

import (
	"bytes"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

// The columns of a subscription but for its lease, in the order of
// subscriptionArgs.
const (
	insertSubscription = `INSERT INTO subscriptions (tenant, id, key,
	cloud_pki_provider, display_name, display_name_folded, description, description_folded,
	created_date_time, last_modified_date_time, last_modified_offset,
	sync_status, last_sync_error, last_sync_error_folded, last_sync_date_time, last_sync_offset,
	trusted_root_certificate, version, revision,
	credentials, credentials_admin_user_name, credentials_admin_user_name_folded,
	credentials_admin_password, credentials_authentication_certificate,
	credentials_authentication_certificate_password, credentials_key,
	credential_info_subject, credential_info_issuer, credential_info_thumbprint,
	credential_info_not_before, credential_info_not_after, credential_info_last_accepted_date_time,
	service_uri, provider_settings, server_certificate_authorities, sync_schedule, paused,
	next_sync_date_time, failures, edits, change, trust_change_policy, provider_migration, ca_host,
	credential_info_status, credential_info_status_date_time, credential_info_token_expiration_date_time,
	credential_info_expiration_date_time, credential_info_expiry_stage,
	credentials_staged, credentials_staged_secrets, credentials_previous, credentials_previous_secrets,
	refusal, next_probe_date_time, credentials_tend_at, due_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
	?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38, ?39, ?40, ?41, ?42, ?43, ?44,
	?45, ?46, ?47, ?48, ?49, ?50, ?51, ?52, ?53, ?54, ?55, ?56, ?57)
ON CONFLICT DO NOTHING`

	updateSubscription = `UPDATE subscriptions SET
	cloud_pki_provider = ?4, display_name = ?5, display_name_folded = ?6, description = ?7, description_folded = ?8,
	created_date_time = ?9, last_modified_date_time = ?10, last_modified_offset = ?11,
	sync_status = ?12, last_sync_error = ?13, last_sync_error_folded = ?14, last_sync_date_time = ?15, last_sync_offset = ?16,
	trusted_root_certificate = ?17, version = ?18, revision = ?19,
	credentials = ?20, credentials_admin_user_name = ?21, credentials_admin_user_name_folded = ?22,
	credentials_admin_password = ?23, credentials_authentication_certificate = ?24,
	credentials_authentication_certificate_password = ?25, credentials_key = ?26,
	credential_info_subject = ?27, credential_info_issuer = ?28, credential_info_thumbprint = ?29,
	credential_info_not_before = ?30, credential_info_not_after = ?31, credential_info_last_accepted_date_time = ?32,
	service_uri = ?33, provider_settings = ?34, server_certificate_authorities = ?35, sync_schedule = ?36, paused = ?37,
	next_sync_date_time = ?38, failures = ?39, edits = ?40, change = ?41,
	trust_change_policy = ?42, provider_migration = ?43, ca_host = ?44,
	credential_info_status = ?45, credential_info_status_date_time = ?46, credential_info_token_expiration_date_time = ?47,
	credential_info_expiration_date_time = ?48, credential_info_expiry_stage = ?49,
	credentials_staged = ?50, credentials_staged_secrets = ?51, credentials_previous = ?52, credentials_previous_secrets = ?53,
	refusal = ?54, next_probe_date_time = ?55, credentials_tend_at = ?56, alerts_at = 0,
	due_at = CASE WHEN lease_owner IS NULL THEN ?57 ELSE due_at END
WHERE tenant = ?1 AND id = ?2 AND key = ?3`
)

// subscriptionArgs are the columns of s, with the number of the change that
// writes them.
func (db *DB) subscriptionArgs(s *pki.Subscription, change int64) ([]any, error) {
	number, ok := db.nouns.providers.ValueOf(s.Provider)
	if !ok {
		return nil, &pki.Error{Code: pki.CodeInvalid, Target: "cloudPkiProvider", Msg: "There is no such provider."}
	}
	var settings any
	if s.Settings != nil {
		text, err := encode(s.Settings)
		if err != nil {
			return nil, err
		}
		settings = text
	}
	var paused any
	if s.Paused != nil {
		paused = flag(*s.Paused)
	}
	var migration any
	if s.Migration != nil {
		text, err := encode(s.Migration)
		if err != nil {
			return nil, err
		}
		migration = text
	}
	args := []any{
		string(s.Tenant), string(s.ID), s.Key,
		number, s.DisplayName, fold(s.DisplayName), s.Description, fold(s.Description),
		s.Created.Ticks, s.LastModified.Ticks, s.LastModified.Offset,
		int64(s.SyncStatus), s.LastSyncError, fold(s.LastSyncError), s.LastSync.Ticks, s.LastSync.Offset,
		s.TrustedRoot, s.Version, s.Revision,
	}
	args = append(args, credentialArgs(s.Credentials)...)
	args = append(args,
		s.ServiceURI, settings, s.ServerCAs, optional(s.Schedule), paused,
		nullDate(s.NextSync), s.Failures, s.Edits, change,
		optional(s.TrustPolicy), migration, nullText(db.hostOf(s)),
	)
	state, err := credentialStateArgs(s)
	return append(args, state...), err
}

// sealedSecrets are the ciphertexts of a subscription, slot by slot.
type sealedSecrets [12]secret.Sealed

func sealedOf(s *pki.Subscription) (sealed sealedSecrets) {
	slots := []*pki.Credentials{s.Credentials, nil, nil}
	for i, slot := range []*pki.Slot{s.Staged, s.Previous} {
		if slot != nil {
			slots[i+1] = &slot.Credentials
		}
	}
	for i, c := range slots {
		if c != nil {
			copy(sealed[4*i:], []secret.Sealed{c.Password, c.Certificate, c.CertificatePassword, c.Key})
		}
	}
	return sealed
}

// keptBy reports whether s still has each of the ciphertexts.
func (old sealedSecrets) keptBy(s *pki.Subscription) bool {
	for i, now := range sealedOf(s) {
		if old[i] != nil && !bytes.Equal(old[i], now) {
			return false
		}
	}
	return true
}

func credentialArgs(c *pki.Credentials) []any {
	if c == nil {
		args := make([]any, 13)
		args[0] = int64(0)
		return args
	}
	args := []any{
		int64(1), c.UserName, fold(c.UserName),
		[]byte(c.Password), []byte(c.Certificate), []byte(c.CertificatePassword), []byte(c.Key),
		nil, nil, nil, nil, nil, nullDate(c.Accepted),
	}
	if i := c.Info; i != nil {
		args[7], args[8], args[9] = i.Subject, i.Issuer, i.Thumbprint
		args[10], args[11] = odata.FromTime(i.NotBefore).Ticks, odata.FromTime(i.NotAfter).Ticks
	}
	return args
}

func subscriptionNoun(providers *odata.EnumType) noun[pki.Subscription] {
	entity := pki.SubscriptionType()
	return noun[pki.Subscription]{
		entity: entity, from: "subscriptions", search: searchColumns(entity), filled: []string{"sync_status"}, index: subscriptionIndex,
		columns: subscriptionColumns,
		scan: func(r rows, heavy bool, extra ...any) (pki.Subscription, error) {
			return scanSubscription(r, providers, heavy, extra...)
		},
	}
}

// subscriptionColumns reads whether there are secrets rather than the secrets,
// unless they are wanted.
func subscriptionColumns(secrets bool) string {
	const plain = `id, key, cloud_pki_provider, display_name, description,
	created_date_time, last_modified_date_time, last_modified_offset,
	sync_status, last_sync_error, last_sync_date_time, last_sync_offset,
	trusted_root_certificate, version, revision,
	credentials, credentials_admin_user_name,
	credential_info_subject, credential_info_issuer, credential_info_thumbprint,
	credential_info_not_before, credential_info_not_after, credential_info_last_accepted_date_time,
	service_uri, provider_settings, server_certificate_authorities, sync_schedule, paused,
	next_sync_date_time, failures, edits, trust_change_policy, provider_migration, ` + credentialStateColumns + ", "
	if secrets {
		return plain + "credentials_admin_password, credentials_authentication_certificate, credentials_authentication_certificate_password, credentials_key, " +
			"credentials_staged_secrets, credentials_previous_secrets"
	}
	return plain + `CASE WHEN credentials_admin_password IS NULL THEN 0 ELSE 1 END,
	CASE WHEN credentials_authentication_certificate IS NULL THEN 0 ELSE 1 END,
	CASE WHEN credentials_authentication_certificate_password IS NULL THEN 0 ELSE 1 END,
	CASE WHEN credentials_key IS NULL THEN 0 ELSE 1 END`
}

// A subscriptionRow holds what does not go straight into a Subscription.
type subscriptionRow struct {
	provider, credentials      int64
	userName                   *string
	subject, issuer, thumb     *string
	notBefore, notAfter        *int64
	accepted, schedule, paused *int64
	next                       *int64
	settings, migration        *string
	policy                     *int64
	secrets                    [4][]byte
	present                    [4]int64

	credentialRow
}

func scanSubscription(r rows, providers *odata.EnumType, secrets bool, extra ...any) (pki.Subscription, error) {
	var s pki.Subscription
	var row subscriptionRow
	dest := make([]any, 0, 48+len(extra))
	dest = append(dest,
		(*string)(&s.ID), &s.Key, &row.provider, &s.DisplayName, &s.Description,
		&s.Created.Ticks, &s.LastModified.Ticks, &s.LastModified.Offset,
		(*int8)(&s.SyncStatus), &s.LastSyncError, &s.LastSync.Ticks, &s.LastSync.Offset,
		&s.TrustedRoot, &s.Version, &s.Revision,
		&row.credentials, &row.userName,
		&row.subject, &row.issuer, &row.thumb, &row.notBefore, &row.notAfter, &row.accepted,
		&s.ServiceURI, &row.settings, &s.ServerCAs, &row.schedule, &row.paused, &row.next, &s.Failures, &s.Edits, &row.policy, &row.migration,
	)
	dest = append(dest, row.dest()...)
	for i := range row.secrets {
		if secrets {
			dest = append(dest, &row.secrets[i])
		} else {
			dest = append(dest, &row.present[i])
		}
	}
	if secrets {
		dest = append(dest, &row.sealed[0], &row.sealed[1])
	}
	if err := r.scan(append(dest, extra...)...); err != nil {
		return s, err
	}
	s.Provider = providers.NameOf(row.provider)
	s.NextSync = date(row.next)
	if row.schedule != nil {
		span := time.Duration(*row.schedule)
		s.Schedule = &span
	}
	if row.paused != nil {
		paused := *row.paused != 0
		s.Paused = &paused
	}
	if row.policy != nil {
		policy := pki.TrustPolicy(*row.policy)
		s.TrustPolicy = &policy
	}
	s.Credentials = row.credentialsOf()
	if err := row.into(&s); err != nil {
		return s, err
	}
	if row.migration != nil {
		if err := decode(*row.migration, &s.Migration); err != nil {
			return s, err
		}
	}
	if row.settings != nil {
		return s, decode(*row.settings, &s.Settings)
	}
	return s, nil
}

func (row *subscriptionRow) credentialsOf() *pki.Credentials {
	if row.credentials == 0 {
		return nil
	}
	c := &pki.Credentials{UserName: row.userName, Accepted: date(row.accepted)}
	for i, to := range []*secret.Sealed{&c.Password, &c.Certificate, &c.CertificatePassword, &c.Key} {
		*to = row.secrets[i]
		if row.present[i] != 0 {
			*to = secret.Sealed{}
		}
	}
	if row.thumb != nil {
		c.Info = &provider.CertificateInfo{
			Subject: text(row.subject), Issuer: text(row.issuer), Thumbprint: *row.thumb,
			NotBefore: date(row.notBefore).Time(), NotAfter: date(row.notAfter).Time(),
		}
	}
	return c
}
