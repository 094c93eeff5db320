package storetest

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// drawWord draws a short text, of which many are equal.
func drawWord(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "a", "b", "connect", "Connect", "ä'"}).Draw(t, "word")
}

func randomRuns(t *testing.T, open Open) listing {
	db := open(t)
	l := listing{entity: pki.RunType(), newest: true}
	for _, sub := range []pki.ID{"a", "b"} {
		create(t, db, subscription(tenant, sub))
		for i := range randomRows {
			r := draw(i, func(t *rapid.T) pki.Run { return drawRun(t, i) })
			// What is to be next is noted for a dry run, so what comes back counts.
			r, err := db.RequestRun(t.Context(), tenant, sub, r, event(pki.ID(fmt.Sprint(sub, i))))
			must(t, err)
			if sub == "a" {
				l.rows = append(l.rows, listed{r.ID, runValues(&r)})
			}
		}
	}
	l.page = paging(func(r *pki.Run) pki.ID { return r.ID }, func(q odata.Query) (pki.Page[pki.Run], error) {
		return db.Runs(t.Context(), tenant, "a", q)
	})
	return l
}

// drawRun draws one that has ended: of the others a subscription has one.
func drawRun(t *rapid.T, i int) pki.Run {
	count := rapid.IntRange(0, 3)
	return pki.Run{
		ID: pki.ID(fmt.Sprintf("%02d", (i*7)%randomRows)), Status: pki.RunStatus(rapid.IntRange(int(pki.RunSucceeded), int(pki.RunCancelled)).Draw(t, "status")),
		Trigger: pki.Trigger(rapid.IntRange(0, 3).Draw(t, "trigger")), Queued: drawDate(t), Started: drawNeverOr(t), Ended: drawNeverOr(t),
		Attempt: rapid.IntRange(0, 3).Draw(t, "attempt"), Total: rapid.IntRange(-1, 5).Draw(t, "total"),
		Counts: pki.Counts{
			Found: count.Draw(t, "found"), New: count.Draw(t, "new"), Changed: count.Draw(t, "changed"), Unchanged: count.Draw(t, "unchanged"),
			Skipped: count.Draw(t, "skipped"), Revoked: count.Draw(t, "revoked"), Missing: count.Draw(t, "missing"),
		},
		Error: provider.Code(drawWord(t)), Message: drawText(t), Retry: provider.RetryClass(drawWord(t)), RequestID: drawText(t), NextTry: drawNeverOr(t),
		DryRun: rapid.Bool().Draw(t, "dry"), TrustChange: drawText(t),
	}
}

func runValues(r *pki.Run) map[string]odata.Value {
	number := func(n int) odata.Value { return odata.Int(int64(n)) }
	return map[string]odata.Value{
		"id": odata.String(string(r.ID)), "status": number(int(r.Status)), "trigger": number(int(r.Trigger)),
		"queued_date_time": odata.Date(r.Queued), "started_date_time": nullOrDate(r.Started), "ended_date_time": nullOrDate(r.Ended),
		"attempt": number(r.Attempt), "found_count": number(r.Counts.Found), "new_count": number(r.Counts.New),
		"changed_count": number(r.Counts.Changed), "unchanged_count": number(r.Counts.Unchanged), "revoked_count": number(r.Counts.Revoked),
		"missing_count": number(r.Counts.Missing), "skipped_count": number(r.Counts.Skipped),
		"error_code": nullOrText(string(r.Error)), "error_message": nullOrText(r.Message), "retry_class": nullOrText(string(r.Retry)),
		"upstream_request_id": nullOrText(r.RequestID), "next_try_date_time": nullOrDate(r.NextTry),
		"dry_run": odata.Bool(r.DryRun), "trust_change": nullOrText(r.TrustChange),
	}
}

func randomAuthorities(t *testing.T, open Open) listing {
	db := open(t)
	l := listing{entity: pki.AuthorityType()}
	var list []pki.Authority
	for i := range randomRows {
		a := draw(i, func(t *rapid.T) pki.Authority { return drawAuthority(t, i) })
		list = append(list, a)
		l.rows = append(l.rows, listed{a.ID, authorityValues(&a)})
	}
	must(t, db.SaveAuthorities(t.Context(), lease(t, db, "a"), list, nil))
	must(t, db.SaveAuthorities(t.Context(), lease(t, db, "b"), list[:9], nil))
	l.page = paging(func(a *pki.Authority) pki.ID { return a.ID }, func(q odata.Query) (pki.Page[pki.Authority], error) {
		return db.Authorities(t.Context(), tenant, "a", q)
	})
	return l
}

func drawAuthority(t *rapid.T, i int) pki.Authority {
	return pki.Authority{
		ID: pki.ID(fmt.Sprintf("%02d", (i*7)%randomRows)), Kind: pki.AuthorityKind(rapid.IntRange(0, 2).Draw(t, "kind")),
		State: pki.TrustState(rapid.IntRange(0, 4).Draw(t, "state")), SubjectDN: drawText(t), IssuerDN: drawText(t), Serial: drawText(t),
		NotBefore: drawDate(t), NotAfter: drawDate(t), FirstSeen: drawDate(t), LastSeen: drawDate(t), DER: []byte{byte(i)},
		StateChanged: drawNeverOr(t), StateReason: drawText(t), DecidedBy: drawWord(t), Replaces: pki.ID(drawWord(t)), Retire: drawNeverOr(t),
	}
}

func authorityValues(a *pki.Authority) map[string]odata.Value {
	return map[string]odata.Value{
		"id": odata.String(string(a.ID)), "kind": odata.Int(int64(a.Kind)), "state": odata.Int(int64(a.State)),
		"subject_name": odata.String(a.SubjectDN), "issuer_name": odata.String(a.IssuerDN), "serial_number": odata.String(a.Serial),
		"not_before": odata.Date(a.NotBefore), "not_after": odata.Date(a.NotAfter),
		"first_seen_date_time": odata.Date(a.FirstSeen), "last_seen_date_time": odata.Date(a.LastSeen),
		"state_changed_date_time": nullOrDate(a.StateChanged), "retire_date_time": nullOrDate(a.Retire),
		"state_reason": nullOrText(a.StateReason), "decided_by": nullOrText(a.DecidedBy), "replaces_thumbprint": nullOrText(string(a.Replaces)),
	}
}

func randomSkippedItems(t *testing.T, open Open) listing {
	db := open(t)
	l := listing{entity: pki.SkippedItemType()}
	var list []pki.SkippedItem
	for i := range randomRows {
		s := draw(i, func(t *rapid.T) pki.SkippedItem {
			return pki.SkippedItem{
				ID: pki.ID(fmt.Sprintf("%02d", (i*7)%randomRows)), Run: pki.ID(drawWord(t)), Serial: drawText(t), Reason: drawText(t), Seen: drawDate(t), Raw: []byte{byte(i)},
			}
		})
		list = append(list, s)
		l.rows = append(l.rows, listed{s.ID, map[string]odata.Value{
			"id": odata.String(string(s.ID)), "sync_run_id": odata.String(string(s.Run)), "serial_number": nullOrText(s.Serial),
			"reason": odata.String(s.Reason), "seen_date_time": odata.Date(s.Seen),
		}})
	}
	for sub, items := range map[pki.ID][]pki.SkippedItem{"a": list, "b": list[:9]} {
		owner := lease(t, db, sub)
		must2(t)(db.SavePage(t.Context(), owner, pki.RunPage{Skipped: items, Run: owner.Run, Now: at(1)}))
	}
	l.page = paging(func(s *pki.SkippedItem) pki.ID { return s.ID }, func(q odata.Query) (pki.Page[pki.SkippedItem], error) {
		return db.SkippedItems(t.Context(), tenant, "a", q)
	})
	return l
}

func randomAuditEvents(t *testing.T, open Open) listing {
	db := open(t)
	l := listing{entity: pki.AuditEventType(), newest: true}
	for i := range randomRows {
		e := draw(i, func(t *rapid.T) pki.AuditEvent {
			return pki.AuditEvent{
				ID: pki.ID(fmt.Sprintf("%02d", (i*7)%randomRows)), At: drawDate(t), Activity: drawWord(t), Object: pki.ID(drawWord(t)),
				Actor:  pki.Actor{Client: drawText(t), Subject: drawWord(t), Name: drawText(t), RequestID: drawWord(t)},
				Reason: drawText(t), OldRoot: pki.ID(drawWord(t)), NewRoot: pki.ID(drawWord(t)),
			}
		})
		for _, owner := range []pki.TenantID{tenant, another} {
			must(t, db.CreateSubscription(t.Context(), subscription(owner, e.ID), pki.Effects{Audit: &e}, nil))
		}
		l.rows = append(l.rows, listed{e.ID, map[string]odata.Value{
			"id": odata.String(string(e.ID)), "activity_date_time": odata.Date(e.At), "activity_type": nullOrText(e.Activity), "resource_id": nullOrText(string(e.Object)),
			"actor_application_id": nullOrText(e.Actor.Client), "actor_id": nullOrText(e.Actor.Subject), "actor_name": nullOrText(e.Actor.Name),
			"correlation_id": nullOrText(e.Actor.RequestID),
			"reason":         nullOrText(e.Reason), "old_thumbprint": nullOrText(string(e.OldRoot)), "new_thumbprint": nullOrText(string(e.NewRoot)),
		}})
	}
	l.page = paging(func(e *pki.AuditEvent) pki.ID { return e.ID }, func(q odata.Query) (pki.Page[pki.AuditEvent], error) {
		return db.AuditEvents(t.Context(), tenant, q)
	})
	return l
}
