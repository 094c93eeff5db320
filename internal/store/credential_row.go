package store

import (
	"context"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

// The columns of a subscription's credentials beside the secrets in use, in the
// order of credentialStateArgs.
const credentialStateColumns = `credential_info_status, credential_info_status_date_time,
	credential_info_token_expiration_date_time, credential_info_expiry_stage,
	credentials_staged, credentials_previous, refusal, next_probe_date_time, credentials_tend_at`

// A slotText is what may be read of a slot, as it is stored.
type slotText struct {
	UserName *string                   `json:"user,omitempty"`
	Info     *provider.CertificateInfo `json:"info,omitempty"`
	Accepted *int64                    `json:"accepted,omitempty"`
	Status   pki.CredentialStatus      `json:"status,omitempty"`
	StatusAt *int64                    `json:"statusAt,omitempty"`
	Expires  *int64                    `json:"expires,omitempty"`
	Rung     pki.ExpiryStage           `json:"rung,omitempty"`
	Since    *int64                    `json:"since,omitempty"`
	Until    *int64                    `json:"until,omitempty"`
}

// slotSecrets are the sealed secrets of a slot, as they are stored.
type slotSecrets struct {
	Key, Password, Certificate, CertificatePassword secret.Sealed
}

// A refusalText is a refusal as it is stored.
type refusalText struct {
	At   int64  `json:"at"`
	Code string `json:"code"`
	Msg  string `json:"msg"`
}

// credentialStateArgs are the columns ?45 to ?57 of a subscription.
func credentialStateArgs(s *pki.Subscription) ([]any, error) {
	args := make([]any, 13)
	if c := s.Credentials; c != nil {
		args[0], args[1], args[2] = int64(c.Status), nullTime(c.StatusAt), nullTime(c.Expires)
		args[3], args[4] = nullTime(c.ExpiresAt()), int64(c.Rung)
	}
	for i, slot := range []*pki.Slot{s.Staged, s.Previous} {
		if slot == nil {
			continue
		}
		told, sealed, err := encodeSlot(slot)
		if err != nil {
			return nil, err
		}
		args[5+2*i], args[6+2*i] = told, sealed
	}
	if r := s.Refusal; r != nil {
		text, err := encode(refusalText{odata.FromTime(r.At).Ticks, string(r.Code), r.Msg})
		if err != nil {
			return nil, err
		}
		args[9] = text
	}
	args[10], args[11], args[12] = nullTime(s.NextProbe), nullTime(s.TendAt), nullDate(dueAt(s))
	return args, nil
}

// dueAt is when a worker must look at s: at its next sync, or to prove its
// credentials before.
func dueAt(s *pki.Subscription) odata.DateTimeOffset {
	if s.NextProbe.IsZero() {
		return s.NextSync
	}
	probe := odata.FromTime(s.NextProbe)
	if !s.NextSync.IsNever() && s.NextSync.Ticks <= probe.Ticks {
		return s.NextSync
	}
	return probe
}

func encodeSlot(s *pki.Slot) (told, sealed string, err error) {
	if told, err = encode(slotText{
		s.UserName, s.Info, ticks(dateTime(s.Accepted)), s.Status, ticks(s.StatusAt), ticks(s.Expires), s.Rung, ticks(s.Since), ticks(s.Until),
	}); err != nil {
		return "", "", err
	}
	sealed, err = encode(slotSecrets{s.Key, s.Password, s.Certificate, s.CertificatePassword})
	return told, sealed, err
}

// A credentialRow holds what credentialStateColumns read.
type credentialRow struct {
	status, statusAt, expires, rung *int64
	staged, previous, refusal       *string
	probe, tend                     *int64
	sealed                          [2]*string // of the slots; nil where they are not read
}

func (row *credentialRow) dest() []any {
	return []any{&row.status, &row.statusAt, &row.expires, &row.rung, &row.staged, &row.previous, &row.refusal, &row.probe, &row.tend}
}

// into writes what was read into s, whose credentials are set.
func (row *credentialRow) into(s *pki.Subscription) error {
	if c := s.Credentials; c != nil {
		c.StatusAt, c.Expires = timeOf(row.statusAt), timeOf(row.expires)
		if row.status != nil {
			c.Status = pki.CredentialStatus(*row.status)
		}
		if row.rung != nil {
			c.Rung = pki.ExpiryStage(*row.rung)
		}
	}
	s.NextProbe, s.TendAt = timeOf(row.probe), timeOf(row.tend)
	for i, to := range []**pki.Slot{&s.Staged, &s.Previous} {
		told := []*string{row.staged, row.previous}[i]
		if told == nil {
			continue
		}
		slot, err := decodeSlot(*told, row.sealed[i])
		if err != nil {
			return err
		}
		*to = slot
	}
	if row.refusal == nil {
		return nil
	}
	var r refusalText
	err := decode(*row.refusal, &r)
	s.Refusal = &pki.Refusal{At: odata.DateTimeOffset{Ticks: r.At}.Time(), Code: provider.Code(r.Code), Msg: r.Msg}
	return err
}

func decodeSlot(told string, sealed *string) (*pki.Slot, error) {
	var t slotText
	if err := decode(told, &t); err != nil {
		return nil, err
	}
	slot := &pki.Slot{Since: timeOf(t.Since), Until: timeOf(t.Until)}
	slot.UserName, slot.Info, slot.Accepted = t.UserName, t.Info, date(t.Accepted)
	slot.Status, slot.StatusAt, slot.Expires, slot.Rung = t.Status, timeOf(t.StatusAt), timeOf(t.Expires), t.Rung
	if sealed == nil {
		return slot, nil
	}
	var secrets slotSecrets
	err := decode(*sealed, &secrets)
	slot.Key, slot.Password, slot.Certificate, slot.CertificatePassword = secrets.Key, secrets.Password, secrets.Certificate, secrets.CertificatePassword
	return slot, err
}

// nullTime is the argument for a time whose zero is stored as NULL.
func nullTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return odata.FromTime(t).Ticks
}

// timeOf returns what nullTime stored.
func timeOf(p *int64) time.Time {
	if p == nil {
		return time.Time{}
	}
	return odata.DateTimeOffset{Ticks: *p}.Time()
}

// ticks is nullTime for JSON.
func ticks(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	n := odata.FromTime(t).Ticks
	return &n
}

// dateTime is a date as a time, zero for Never.
func dateTime(d odata.DateTimeOffset) time.Time {
	if d.IsNever() {
		return time.Time{}
	}
	return d.Time()
}

// triggerOf says what a subscription that nobody asked a run for is due for: its
// sync, or, where that is not due yet, a proof of its credentials.
func triggerOf(ctx context.Context, c conn, l *pki.Lease, now odata.DateTimeOffset) (pki.Trigger, error) {
	probes, _, err := first(ctx, c, scanNumber, `SELECT COUNT(*) FROM subscriptions WHERE tenant = ?1 AND id = ?2
AND next_probe_date_time <= ?3 AND (next_sync_date_time IS NULL OR next_sync_date_time > ?3)`,
		string(l.Tenant), string(l.Subscription), now.Ticks)
	if probes > 0 {
		return pki.TriggerProbe, err
	}
	return pki.TriggerSchedule, err
}

// AddAudit implements pki.CredentialStore.
func (db *DB) AddAudit(ctx context.Context, t pki.TenantID, e pki.AuditEvent) error {
	return db.engine.write(ctx, func(c conn) error { return insertAudit(ctx, c, t, e) })
}

// Tended implements pki.CredentialStore.
func (db *DB) Tended(ctx context.Context, now time.Time, limit int) (list []pki.Tending, err error) {
	err = db.engine.read(ctx, func(c conn) error {
		scan := func(r rows) (t pki.Tending, err error) {
			return t, r.scan((*string)(&t.Tenant), (*string)(&t.ID))
		}
		list, err = all(ctx, c, scan, "SELECT tenant, id FROM subscriptions WHERE credentials_tend_at <= ?1 ORDER BY credentials_tend_at LIMIT ?2",
			odata.FromTime(now).Ticks, limit)
		return err
	})
	return list, err
}
