package storetest

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// paging makes a listing's page of the store's method for a noun.
func paging[T any](id func(*T) pki.ID, list func(odata.Query) (pki.Page[T], error)) func(odata.Query) ([]pki.ID, []odata.Value, int64, error) {
	return func(q odata.Query) ([]pki.ID, []odata.Value, int64, error) {
		p, err := list(q)
		ids := make([]pki.ID, len(p.Items))
		for i := range p.Items {
			ids[i] = id(&p.Items[i])
		}
		return ids, p.After, p.Count, err
	}
}

func randomSubscriptions(t *testing.T, open Open) listing {
	db := open(t)
	l := listing{entity: pki.SubscriptionType()}
	for i := range randomRows {
		s := draw(i, func(t *rapid.T) pki.Subscription { return drawSubscription(t, i) })
		create(t, db, s)
		l.rows = append(l.rows, listed{s.ID, subscriptionValues(&s)})
	}
	create(t, db, fullSubscription(another, "foreign"))
	l.page = paging(func(s *pki.Subscription) pki.ID { return s.ID }, func(q odata.Query) (pki.Page[pki.Subscription], error) {
		return db.Subscriptions(t.Context(), tenant, q)
	})
	return l
}

func drawSubscription(t *rapid.T, i int) pki.Subscription {
	s := subscription(tenant, pki.ID(rapid.SampledFrom([]string{"a", "B", "b", "-", "~", "_"}).Draw(t, "id")+fmt.Sprint(i)))
	s.Provider = rapid.SampledFrom(pki.ProviderEnum().Members).Draw(t, "provider").Name
	s.DisplayName, s.Description = drawOptional(t, drawText), drawOptional(t, drawText)
	s.Created, s.LastModified, s.LastSync = drawDate(t), drawDate(t), drawNeverOr(t)
	s.SyncStatus = pki.SyncStatus(rapid.IntRange(0, 2).Draw(t, "status"))
	s.LastSyncError, s.ServiceURI = drawOptional(t, drawText), drawOptional(t, drawText)
	s.Version = rapid.Int32().Draw(t, "version")
	s.Paused = drawOptional(t, func(t *rapid.T) bool { return rapid.Bool().Draw(t, "paused") })
	s.NextSync = drawNeverOr(t)
	s.TrustPolicy = drawOptional(t, func(t *rapid.T) pki.TrustPolicy { return pki.TrustPolicy(rapid.IntRange(0, 1).Draw(t, "policy")) })
	s.Credentials = drawOptional(t, func(t *rapid.T) pki.Credentials {
		return pki.Credentials{Status: pki.CredentialStatus(rapid.IntRange(0, 3).Draw(t, "credential status")), Rung: pki.ExpiryStage(rapid.IntRange(0, 8).Draw(t, "rung")), UserName: drawOptional(t, drawText), Accepted: odata.Never(), Info: drawOptional(t, func(t *rapid.T) provider.CertificateInfo {
			return provider.CertificateInfo{Thumbprint: "00", NotBefore: time.Unix(0, 0).UTC(), NotAfter: drawDate(t).Time()}
		})}
	})
	return s
}

func subscriptionValues(s *pki.Subscription) map[string]odata.Value {
	number, _ := pki.ProviderEnum().ValueOf(s.Provider)
	v := map[string]odata.Value{
		"id": odata.String(string(s.ID)), "cloud_pki_provider": odata.Int(number),
		"display_name": odata.StringOrNull(s.DisplayName), "description": odata.StringOrNull(s.Description),
		"created_date_time": odata.Date(s.Created), "last_modified_date_time": odata.Date(s.LastModified), "last_sync_date_time": odata.Date(s.LastSync),
		"sync_status": odata.Int(int64(s.SyncStatus)), "last_sync_error": odata.StringOrNull(s.LastSyncError), "service_uri": odata.StringOrNull(s.ServiceURI),
		"version": odata.Int(int64(s.Version)), "paused": odata.NullValue(), "next_sync_date_time": nullOrDate(s.NextSync),
		"credentials_admin_user_name": odata.NullValue(), "credential_info_not_after": odata.NullValue(),
		"credential_info_status": odata.NullValue(), "credential_info_expiry_stage": odata.NullValue(), "credential_info_expiration_date_time": odata.NullValue(),
	}
	v["trust_change_policy"] = odata.NullValue()
	if s.TrustPolicy != nil {
		v["trust_change_policy"] = odata.Int(int64(*s.TrustPolicy))
	}
	if s.Paused != nil {
		v["paused"] = odata.Bool(*s.Paused)
	}
	if c := s.Credentials; c != nil {
		v["credentials_admin_user_name"] = odata.StringOrNull(c.UserName)
		v["credential_info_status"], v["credential_info_expiry_stage"] = odata.Int(int64(c.Status)), odata.Int(int64(c.Rung))
		if c.Info != nil {
			v["credential_info_not_after"] = odata.Date(odata.FromTime(c.Info.NotAfter))
			v["credential_info_expiration_date_time"] = v["credential_info_not_after"]
		}
	}
	return v
}

func randomCertificates(t *testing.T, open Open) listing {
	db := open(t)
	owner := lease(t, db, "a")
	l := listing{entity: pki.CertificateType(), free: true}
	var certs []pki.Certificate
	for i := range randomRows {
		c := draw(i, func(t *rapid.T) pki.Certificate { return drawCertificate(t, i) })
		certs = append(certs, c)
		l.rows = append(l.rows, listed{c.ID, certificateValues(&c)})
	}
	must2(t)(db.SavePage(t.Context(), owner, pki.RunPage{Certificates: certs, Provider: 1, Run: owner.Run, Now: at(1)}))
	foreign := lease(t, db, "b")
	must2(t)(db.SavePage(t.Context(), foreign, pki.RunPage{Certificates: certs[:9], Run: foreign.Run, Now: at(1)}))
	l.page = paging(func(c *pki.Certificate) pki.ID { return c.ID }, func(q odata.Query) (pki.Page[pki.Certificate], error) {
		return db.Certificates(t.Context(), tenant, "a", q)
	})
	return l
}

func drawCertificate(t *rapid.T, i int) pki.Certificate {
	c := pki.Certificate{
		ID: pki.ID(fmt.Sprintf("%02d", (i*7)%randomRows)), SubjectDN: drawText(t), CommonName: drawText(t), AltNames: drawText(t), IssuerDN: drawText(t),
		Serial: drawText(t), NotBefore: drawNeverOr(t), NotAfter: drawNeverOr(t), RevokedAt: drawNeverOr(t), Missing: drawNeverOr(t),
		Status: pki.CertificateStatus(rapid.IntRange(0, 4).Draw(t, "status")), Reason: rapid.IntRange(-1, 10).Draw(t, "reason"),
		ProfileID: drawText(t), Holder: drawText(t), FirstSeen: drawDate(t), Changed: drawDate(t),
	}
	if rapid.Bool().Draw(t, "body") {
		c.DER = []byte{byte(i)}
		c.SHA256 = pki.Thumbprint(c.DER)
	}
	return c
}

func certificateValues(c *pki.Certificate) map[string]odata.Value {
	v := map[string]odata.Value{
		"id": odata.String(string(c.ID)), "subject_name": nullOrText(c.SubjectDN), "common_name": nullOrText(c.CommonName),
		"subject_alternative_names": nullOrText(c.AltNames),
		"issuer_name":               nullOrText(c.IssuerDN), "serial_number": nullOrText(c.Serial), "thumbprint": nullOrText(c.SHA256),
		"not_before": nullOrDate(c.NotBefore), "not_after": nullOrDate(c.NotAfter), "status": odata.Int(int64(c.Status)),
		"revocation_date_time": nullOrDate(c.RevokedAt), "revocation_reason": odata.NullValue(), "profile_id": nullOrText(c.ProfileID),
		"holder": nullOrText(c.Holder), "first_seen_date_time": odata.Date(c.FirstSeen), "last_changed_date_time": odata.Date(c.Changed),
		"missing_since_date_time": nullOrDate(c.Missing),
		"first_provider":          odata.Int(1), "last_provider": odata.Int(1),
	}
	if c.Reason >= 0 {
		v["revocation_reason"] = odata.Int(int64(c.Reason))
	}
	return v
}
