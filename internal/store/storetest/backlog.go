package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// backlog uses the real time: the store compares with its own clock.
func backlog(t *testing.T, open Open) {
	db := open(t)
	now := time.Now().Truncate(time.Second)
	expect := func(want pki.Backlog) {
		t.Helper()
		got, err := db.Backlog(t.Context())
		must(t, err)
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	none := []pki.Expiring{{Days: 90}, {Days: 60}, {Days: 30}, {Days: 14}, {Days: 7}, {Days: 3}, {Days: 1}, {Days: 0}}
	expect(pki.Backlog{OldestDue: odata.Never(), FirstExpiry: odata.Never(), FirstRootExpiry: odata.Never(), Expiring: none})

	const day = 24 * time.Hour
	oldest := odata.FromTime(now.Add(-time.Hour))
	for id, due := range map[pki.ID]odata.DateTimeOffset{
		"never": odata.Never(), "later": odata.FromTime(now.Add(time.Hour)),
		"due": odata.FromTime(now.Add(-time.Minute)), "longest due": oldest,
	} {
		s := subscription(tenant, id)
		s.NextSync = due
		create(t, db, s)
	}
	for id, left := range map[pki.ID]time.Duration{
		"ended": -time.Hour, "ended long ago": -400 * day, "today": time.Hour, "week": 7*day - time.Hour, "month": 8 * day,
		"quarter": 31 * day, "quarter's end": 90*day - time.Hour, "far": 91 * day,
	} {
		s := subscription(another, id)
		s.Credentials = &pki.Credentials{Accepted: odata.Never(), Info: &provider.CertificateInfo{NotBefore: now, NotAfter: now.Add(left)}}
		create(t, db, s)
	}
	expect(pki.Backlog{
		Subscriptions: 12, Due: 2, OldestDue: oldest, FirstExpiry: odata.FromTime(now.Add(-400 * day)), FirstRootExpiry: odata.Never(),
		Expiring: []pki.Expiring{
			{Days: 90, Count: 1}, {Days: 60, Count: 1}, {Days: 30}, {Days: 14, Count: 1}, {Days: 7, Count: 1}, {Days: 3}, {Days: 1, Count: 1}, {Days: 0, Count: 2},
		},
	})
}
