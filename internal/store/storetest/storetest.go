// Package storetest is the examination that every engine of package store must
// pass: what pki.Store, secret.DataKeys and syncer.Leases promise, asked of a
// real database.
package storetest

import (
	"testing"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
	"cloudpki/internal/store"
)

// Open opens an empty store that is closed when the test ends.
type Open func(tb testing.TB) *store.DB

// Run examines the stores that open returns.
func Run(t *testing.T, open Open) {
	for name, examine := range map[string]func(*testing.T, Open){
		"Subscriptions": subscriptions,
		"Runs":          runs,
		"Resting":       resting,
		"Leases":        leases,
		"Credentials":   credentials,
		"Cancels":       cancels,
		"Backlog":       backlog,
		"Inventory":     inventory,
		"Scans":         scans,
		"Enrolment":     enrolment,
		"Keys":          keys,
		"Receipts":      receipts,
		"Filters":       filters,
		"Expansions":    expansions,
		"Alternatives":  alternativeNames,
		"Tenants":       tenants,
		"Purges":        purges,
		"Concurrent":    concurrent,
		"Deltas":        deltas,
		"Long":          long,
		"Atomic":        atomics,
		"Trust":         trust,
		"Notifications": notifications,
		"Alerts":        alerts,
		"Bundles":       bundles,
		"ESTEndpoints":  estEndpoints,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait for the disk, each with stores of its own
			examine(t, open)
		})
	}
}

const (
	tenant  = pki.TenantID("0b1c0000-0000-4000-8000-000000000001")
	another = pki.TenantID("0b1c0000-0000-4000-8000-000000000002")
)

// at returns a time that is n seconds into the examination.
func at(n int) odata.DateTimeOffset {
	return odata.FromTime(time.Date(2026, 11, 23, 12, 0, n, 0, time.UTC))
}

// subscription returns one with few members.
func subscription(t pki.TenantID, id pki.ID) pki.Subscription {
	return pki.Subscription{
		Tenant: t, ID: id, Key: keyOf(id), Provider: "symantec", Created: at(0), LastModified: at(0),
		LastSync: odata.Never(), NextSync: odata.Never(), Version: 1, Revision: 1,
	}
}

// keyOf makes the incarnations of different ids differ.
func keyOf(id pki.ID) int64 {
	var key int64 = 1469598103934665603
	for i := range len(id) {
		key = (key ^ int64(id[i])) * 1099511628211
	}
	return key &^ (-1 << 62)
}

// fullSubscription returns one whose every member has a value.
func fullSubscription(t pki.TenantID, id pki.ID) pki.Subscription {
	s := subscription(t, id)
	s.DisplayName, s.Description = new("Größe «Ä»"), new("it's 100% \"quoted\" _ \\")
	s.LastModified = odata.DateTimeOffset{Ticks: at(0).Ticks + 1234567, Offset: -480}
	s.SyncStatus, s.LastSyncError = pki.SyncFailed, new("connect: no route")
	s.LastSync = odata.DateTimeOffset{Ticks: odata.Never().Ticks + 1, Offset: 840}
	s.TrustedRoot = []byte{0, 1, 2, 255}
	s.Version, s.Revision = 1<<31-1, 7
	s.Credentials = &pki.Credentials{
		UserName: new("Admin@Example"), Password: secret.Sealed("sealed password"), Certificate: secret.Sealed("sealed certificate"),
		CertificatePassword: secret.Sealed("sealed certificate password"), Key: secret.Sealed("wrapped key"),
		Info: &provider.CertificateInfo{
			Subject: "CN=admin", Issuer: "CN=issuer", Thumbprint: "00ff",
			NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		},
		Accepted: at(5),
	}
	s.ServiceURI, s.ServerCAs = new("https://ca.example"), []byte{}
	s.Settings = []pki.Setting{{Name: "profile", Value: "1.2.3"}, {Name: "", Value: "«»"}}
	s.Schedule, s.Paused = new(90*time.Minute), new(false)
	s.NextSync, s.Failures = at(60), 3
	withCredentialState(&s)
	return s
}

// code fails the test unless err has the code.
func code(t *testing.T, err error, want pki.Code) {
	t.Helper()
	if got := pki.CodeOf(err); err == nil || got != want {
		t.Errorf("error is %v (code %q), want code %q", err, got, want)
	}
}

// must fails the test at once where there is an error.
func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func create(tb testing.TB, db *store.DB, s pki.Subscription) pki.Subscription {
	tb.Helper()
	must(tb, db.CreateSubscription(tb.Context(), s, pki.Effects{}, nil))
	return s
}
