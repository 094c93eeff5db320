package store

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// TakeDue implements syncer.Leases.
func (db *DB) TakeDue(ctx context.Context, owner string, now, until odata.DateTimeOffset, limit int, b pki.Bounds) ([]pki.Lease, error) {
	var taken []pki.Lease
	err := db.engine.write(ctx, func(c conn) (err error) {
		taken = nil
		if err := db.lockTakers(ctx, c); err != nil {
			return err
		}
		t := taker{db: db, c: c, owner: owner, now: now, until: until, limit: limit, bounds: b}
		if err := t.countLive(ctx); err != nil {
			return err
		}
		// What a person waits for, and what was given back, is due at 0.
		for _, due := range []int64{0, now.Ticks} {
			if err := t.take(ctx, due); err != nil {
				return err
			}
		}
		taken = t.taken
		return nil
	})
	return taken, err
}

// A taker takes leases in rounds: first one for each tenant that has none, then
// one for each that has one, and so on, so that a tenant with much to do keeps
// no other waiting.
type taker struct {
	db         *DB
	c          conn
	owner      string
	now, until odata.DateTimeOffset
	limit      int
	bounds     pki.Bounds

	tenants map[pki.TenantID]int // leases at work
	hosts   map[string]int       // leases at work; the same by host
	taken   []pki.Lease
}

// A candidate is a subscription that is due.
type candidate struct {
	lease pki.Lease
	due   int64
	host  *string
}

const (
	candidateColumns = "SELECT tenant, id, key, fence, due_at, ca_host FROM subscriptions "

	// freeHost leaves out what the bound ?3 of hosts holds back.
	freeHost = ` AND (ca_host IS NULL OR ca_host NOT IN (
	SELECT ca_host FROM subscriptions WHERE lease_owner IS NOT NULL AND waiting = 0 AND due_at > ?2 AND ca_host IS NOT NULL
	GROUP BY ca_host HAVING COUNT(*) >= ?3))`

	// strangersText reads what is due by ?1 of tenants without a lease at work.
	strangersText = candidateColumns + `WHERE due_at <= ?1 AND tenant NOT IN (
	SELECT tenant FROM subscriptions WHERE lease_owner IS NOT NULL AND waiting = 0 AND due_at > ?2)` + freeHost + `
ORDER BY due_at LIMIT ?4`

	// tenantText reads what is due by ?1 of one tenant.
	tenantText = candidateColumns + "WHERE tenant = ?4 AND due_at <= ?1" + freeHost + " ORDER BY due_at LIMIT 1"
)

// take takes what is due by due, up to the limit.
func (t *taker) take(ctx context.Context, due int64) error {
	if err := t.takeStrangers(ctx, due); err != nil {
		return err
	}
	// Whoever has something due now has a lease at work.
	for round := 1; round < t.bounds.PerTenant && len(t.taken) < t.limit; round++ {
		heads, err := t.heads(ctx, due, round)
		if err != nil {
			return err
		}
		for _, head := range heads {
			if err := t.takeOne(ctx, head); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *taker) takeStrangers(ctx context.Context, due int64) error {
	for len(t.taken) < t.limit {
		before := len(t.taken)
		list, err := t.candidates(ctx, strangersText, due, t.limit-before)
		if err != nil {
			return err
		}
		for _, s := range list {
			if t.tenants[s.lease.Tenant] > 0 {
				continue // taken in this round
			}
			if err := t.takeOne(ctx, s); err != nil {
				return err
			}
		}
		if len(t.taken) == before {
			return nil
		}
	}
	return nil
}

// heads returns what is longest due of each tenant with so many leases at work.
func (t *taker) heads(ctx context.Context, due int64, atWork int) ([]candidate, error) {
	var heads []candidate
	for _, tenant := range slices.Sorted(maps.Keys(t.tenants)) {
		if t.tenants[tenant] != atWork {
			continue
		}
		list, err := t.candidates(ctx, tenantText, due, string(tenant))
		if err != nil {
			return nil, err
		}
		heads = append(heads, list...)
	}
	slices.SortStableFunc(heads, func(a, b candidate) int { return cmp.Compare(a.due, b.due) })
	return heads, nil
}

func (t *taker) candidates(ctx context.Context, text string, due int64, last any) ([]candidate, error) {
	return all(ctx, t.c, scanCandidate, text+t.db.dialect.skipLocked, due, t.now.Ticks, t.perHost(), last)
}

func scanCandidate(r rows) (s candidate, err error) {
	l := &s.lease
	return s, r.scan((*string)(&l.Tenant), (*string)(&l.Subscription), &l.Key, &l.Fence, &s.due, &s.host)
}

// perHost is the bound of a host, far away where there is none.
func (t *taker) perHost() int { return cmp.Or(t.bounds.PerHost, 1<<30) }

// takeOne takes s unless a bound was reached meanwhile.
func (t *taker) takeOne(ctx context.Context, s candidate) error {
	l, host := s.lease, text(s.host)
	if len(t.taken) == t.limit || t.tenants[l.Tenant] >= t.bounds.PerTenant || host != "" && t.hosts[host] >= t.perHost() {
		return nil
	}
	l.Owner, l.Until, l.Fence = t.owner, t.until, l.Fence+1
	if err := t.db.takeOne(ctx, t.c, &l, t.now); err != nil {
		return err
	}
	t.tenants[l.Tenant]++
	t.hosts[host]++
	t.taken = append(t.taken, l)
	return nil
}

// countLive counts the leases at work of all processes.
func (t *taker) countLive(ctx context.Context) error {
	type count struct {
		tenant pki.TenantID
		host   *string
		n      int
	}
	scan := func(r rows) (k count, err error) { return k, r.scan((*string)(&k.tenant), &k.host, &k.n) }
	list, err := all(ctx, t.c, scan,
		"SELECT tenant, ca_host, COUNT(*) FROM subscriptions WHERE lease_owner IS NOT NULL AND waiting = 0 AND due_at > ?1 GROUP BY tenant, ca_host", t.now.Ticks)
	t.tenants, t.hosts = make(map[pki.TenantID]int), make(map[string]int)
	for _, k := range list {
		t.tenants[k.tenant] += k.n
		t.hosts[text(k.host)] += k.n
	}
	return err
}

// takeOne writes the lease and makes or takes up its run.
func (db *DB) takeOne(ctx context.Context, c conn, l *pki.Lease, now odata.DateTimeOffset) error {
	if _, err := c.exec(ctx, "UPDATE subscriptions SET lease_owner = ?3, fence = ?4, due_at = ?5, waiting = 0 WHERE tenant = ?1 AND id = ?2",
		string(l.Tenant), string(l.Subscription), l.Owner, l.Fence, l.Until.Ticks); err != nil {
		return err
	}
	open, err := openRuns(ctx, c, l.Tenant, l.Key)
	if err != nil {
		return err
	}
	l.Run = open.either()
	isNew := l.Run.ID == ""
	if isNew {
		trigger, err := triggerOf(ctx, c, l, now)
		if err != nil {
			return err
		}
		if l.Run, err = pki.NewRun(trigger, now); err != nil {
			return err
		}
	}
	l.Run.Status = pki.RunRunning
	l.Run.Attempt++
	if l.Run.Started.IsNever() {
		l.Run.Started = now
	}
	if isNew {
		return db.addRun(ctx, c, *l, l.Run)
	}
	if err := updateRun(ctx, c, *l, l.Run); err != nil {
		return err
	}
	return db.record(ctx, c, db.childChange(pki.ResourceRuns, *l, l.Run.ID, pki.ChangeUpdated))
}

// hostOf is the column ca_host of s: what its syncs call, as far as that is
// known.
func (db *DB) hostOf(s *pki.Subscription) string {
	if s.ServiceURI != nil {
		return provider.HostOf(*s.ServiceURI)
	}
	return provider.HostOf(db.serviceURI(s.Provider))
}
