package web

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

const (
	overviewSize = 100 // subscriptions on a page
	maxPages     = 1000

	day = 24 * time.Hour

	// soon is when the end of credentials or of a root needs a person.
	soon = 30 * day
)

// overviewQuery asks for subscriptions, those that fail first, each with its
// last runs and its roots without their DER.
const overviewQuery = "$top=100&$count=true&$orderby=syncStatus+desc,displayName" +
	"&$expand=syncRuns($top=60;$orderby=queuedDateTime+desc),certificateAuthorities($top=100;$select=state;$filter=kind+eq+'root')"

// overview is the first page.
type overview struct {
	Subscriptions []subscriptionRow
	Attention     []need
	Ends          timeline
	Syncs         syncDays
	Total         int64
	Deleted       bool // a subscription was, just now
	Page          int
	Previous      int // 0 for none
	Next          int
}

// A subscriptionRow is a subscription as the overview lists it.
type subscriptionRow struct {
	ID       pki.ID
	Name     string
	Provider string
	Health   health
	LastSync odata.DateTimeOffset
	NextSync odata.DateTimeOffset
	Expires  time.Time // of the credentials; zero where it is not known
}

// A need is what a person has to do.
type need struct {
	Name  string // of the subscription or bundle
	What  string
	Path  string
	Class string // bad for what does not work now, warn for what will not
}

func (s *Server) showOverview(v *visit) error {
	page, err := strconv.Atoi(cmp.Or(v.r.URL.Query().Get("page"), "1"))
	if err != nil || page < 1 || page > maxPages {
		return errNoPage()
	}
	q := s.queries.overview
	q.Skip = (page - 1) * overviewSize
	found, children, err := s.service.ExpandedSubscriptions(v.r.Context(), v.session.Principal.Tenant, q)
	if err != nil {
		return err
	}
	o := overview{Total: found.Count, Page: page, Previous: page - 1, Deleted: v.r.URL.Query().Has(deletedParameter)}
	if int64(page*overviewSize) < found.Count {
		o.Next = page + 1
	}
	if o.Attention, err = s.needsOfBundles(v); err != nil {
		return err
	}
	now := s.now()
	var ends []end
	var runs []pki.Run
	for i := range found.Items {
		sub, roots, last := &found.Items[i], children.Authorities[i].Items, children.Runs[i].Items
		o.Subscriptions = append(o.Subscriptions, newRow(sub, roots, now))
		o.Attention = append(o.Attention, needsOf(sub, roots, faultOfLast(sub, last), now)...)
		ends = append(ends, endsOf(sub, roots)...)
		runs = append(runs, last...)
	}
	slices.SortStableFunc(o.Attention, func(a, b need) int { return cmp.Compare(a.Class, b.Class) }) // bad before warn
	o.Ends, o.Syncs = newTimeline(ends, now), newSyncDays(runs, now)
	return s.show(v, "overview", "Overview", o)
}

func newRow(sub *pki.Subscription, roots []pki.Authority, now time.Time) subscriptionRow {
	row := subscriptionRow{
		ID: sub.ID, Name: nameOf(sub), Provider: sub.Provider, Health: healthOf(sub, roots, now), LastSync: sub.LastSync, NextSync: sub.NextSync,
	}
	if c := sub.Credentials; c != nil {
		row.Expires = c.ExpiresAt()
	}
	return row
}

// nameOf is what to call a subscription.
func nameOf(sub *pki.Subscription) string {
	if sub.DisplayName != nil && *sub.DisplayName != "" {
		return visible(*sub.DisplayName)
	}
	return string(sub.ID)
}

// pathOf is the address of a subscription's page.
func pathOf(id pki.ID) string { return Base + "subscriptions/" + url.PathEscape(string(id)) }

// Path is the address of the row's page.
func (r subscriptionRow) Path() string { return pathOf(r.ID) }

// needsOf lists what a person has to do for a subscription, each cause once: a
// sync that failed for a root that waits is no need of its own.
func needsOf(sub *pki.Subscription, roots []pki.Authority, fault runFault, now time.Time) []need {
	var list []need
	add := func(class, format string, args ...any) {
		list = append(list, need{nameOf(sub), fmt.Sprintf(format, args...), pathOf(sub.ID), class})
	}
	quarantined := false
	for _, root := range roots {
		switch {
		case root.State == pki.TrustQuarantined:
			quarantined = true
			add("bad", "A root waits for a decision: %s", clip(root.SubjectDN, maxShownName))
		case root.State == pki.TrustTrusted && root.NotAfter.Time().Sub(now) < soon:
			add(endClass(root.NotAfter.Time(), now), "The trusted root %s on %s.", endWords("expires", root.NotAfter.Time(), now), showDate(root.NotAfter))
		}
	}
	if sub.Refusal != nil {
		add("bad", "The CA refused the credentials, so nothing is sent to it. %s", clip(fault.Text, maxShownName))
	} else if sub.SyncStatus == pki.SyncFailed && (fault.Code != provider.CodeTrustChangePending || !quarantined) {
		add("bad", "The last sync failed. %s", clip(fault.Text, maxShownName))
	}
	if c := sub.Credentials; c != nil && !c.ExpiresAt().IsZero() && c.ExpiresAt().Sub(now) < soon {
		add(endClass(c.ExpiresAt(), now), "The credentials %s on %s.", endWords("expire", c.ExpiresAt(), now), showDate(c.ExpiresAt()))
	}
	return list
}

// needsOfBundles lists the bundles that are not published as their sources are.
func (s *Server) needsOfBundles(v *visit) ([]need, error) {
	found, err := s.bundles.List(v.r.Context(), v.session.Principal.Tenant, s.queries.keptBundles)
	if err != nil {
		return nil, err
	}
	var list []need
	for i := range found.Items {
		b := &found.Items[i]
		list = append(list, need{b.Name, "The bundle cannot be published anew. " + b.Message, pathOfBundle(b.ID), "bad"})
	}
	return list, nil
}

func endWords(verb string, end, now time.Time) string {
	if now.Before(end) {
		return verb
	}
	return "expired"
}

// endClass is how bad it is that something ends: bad once it has.
func endClass(end, now time.Time) string {
	if now.Before(end) {
		return "warn"
	}
	return "bad"
}

// A health is how a subscription is, in a word for people and one for the
// style sheet.
type health struct {
	Word  string
	Class string // good, bad, warn, idle
}

// healthOf returns the first of what is to be said of a subscription.
func healthOf(sub *pki.Subscription, roots []pki.Authority, now time.Time) health {
	quarantined := slices.ContainsFunc(roots, func(a pki.Authority) bool { return a.State == pki.TrustQuarantined })
	switch c := sub.Credentials; {
	case quarantined:
		return health{"Trust change waits", "warn"}
	case sub.Refusal != nil:
		return health{"Credentials refused", "bad"}
	case sub.SyncStatus == pki.SyncFailed:
		return health{"Failing", "bad"}
	case c != nil && !c.ExpiresAt().IsZero() && c.ExpiresAt().Sub(now) < soon:
		return health{"Credentials expire", "warn"}
	case sub.IsPaused():
		return health{"Paused", "idle"}
	case sub.SyncStatus == pki.SyncUnknown:
		return health{"Not synced yet", "idle"}
	}
	return health{"Healthy", "good"}
}
