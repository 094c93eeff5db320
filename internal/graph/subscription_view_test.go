package graph

import (
	"testing"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

func TestCredentialInfo(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	user := "admin"
	v := subscriptionView{info: true, now: now, Subscription: &pki.Subscription{Credentials: &pki.Credentials{
		UserName: &user, Certificate: secret.Sealed("sealed"), Accepted: odata.Never(),
		Info: &provider.CertificateInfo{Subject: "CN=admin", Issuer: "CN=ca", Thumbprint: "ab", NotAfter: now.Add(36 * time.Hour)},
	}}}
	o := pki.CredentialInfoType().Object(credentialInfo(&v))
	for name, want := range map[string]bool{
		"hasAdminUserName": true, "hasAdminPassword": false, "hasAuthenticationCertificate": true, "hasAuthenticationCertificatePassword": false,
	} {
		if o.Get(name).IsTrue() != want {
			t.Errorf("%s is %t", name, !want)
		}
	}
	if o.Get("subject").Str() != "CN=admin" || o.Get("issuer").Str() != "CN=ca" || o.Get("thumbprint").Str() != "ab" {
		t.Errorf("the certificate is described as %v", o)
	}
	if o.Get("expiresInDays").Num() != 1 || !o.Get("notAfter").Time().Time().Equal(now.Add(36*time.Hour)) {
		t.Errorf("expiresInDays %d, notAfter %v", o.Get("expiresInDays").Num(), o.Get("notAfter").Time())
	}
	if o.Get("lastAcceptedDateTime").State() != odata.Null {
		t.Error("credentials that were never accepted have a date for it")
	}
	v.Credentials = nil
	if credentialInfo(&v).State() != odata.Null {
		t.Error("credentialInfo without credentials is not null")
	}
	v.info = false
	if credentialInfo(&v).State() != odata.Absent {
		t.Error("credentialInfo is there although it was not selected")
	}
}

func TestWholeDays(t *testing.T) {
	for d, want := range map[time.Duration]int64{
		0: 0, time.Hour: 0, 24 * time.Hour: 1, 47 * time.Hour: 1, -time.Hour: -1, -24 * time.Hour: -1, -25 * time.Hour: -2,
	} {
		if got := wholeDays(d); got != want {
			t.Errorf("%s: %d days, want %d", d, got, want)
		}
	}
}
