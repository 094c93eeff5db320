package storetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

// about is an alert of "s" that tells of an authority.
func about(id, object pki.ID, title string) pki.Alert {
	return pki.Alert{
		ID: id, At: at(10).Time(), Kind: pki.AlertRoot, Tenant: tenant, Subscription: "s", Object: object, Severity: pki.AlertCritical,
		Stage: "days7", Ends: at(20).Time(), Title: title, Detail: "detail", Action: "action", Path: "/beta/x", Console: "/console/x", Page: "/docs/x",
	}
}

func judgeAlerts(t *testing.T, db *store.DB, v pki.AlertVerdict) {
	t.Helper()
	v.Next = at(60)
	must(t, db.JudgeAlerts(t.Context(), tenant, "s", []string{"x"}, judgeOf(v, nil)))
}

// alertRound follows the alerts of tenant from from to the end.
func alertRound(t *testing.T, db *store.DB, from *pki.DeltaPosition) (told []string) {
	t.Helper()
	for more := true; more; {
		page, err := db.RaisedAlertChanges(t.Context(), tenant, odata.Query{Top: 1}, *from)
		must(t, err)
		for _, item := range page.Items {
			what := string(item.Removed)
			if a := item.Item; a != nil {
				what = fmt.Sprint(a.Revision, " ", a.Title, " ", !a.Resolved.IsNever())
			}
			told = append(told, string(item.ID)+" "+what)
		}
		*from, more = page.Next, page.More
	}
	return told
}

// alertsRaised: what holds is one alert however often it is told, what holds no
// longer is resolved, and what comes anew is another. The outbox has each.
func alertsRaised(t *testing.T, db *store.DB) {
	create(t, db, subscription(tenant, "s"))
	follow(t, db, notification(tenant, "all", "deviceManagement/alerts"))
	follow(t, db, notification(tenant, "other", "deviceManagement/trustBundles"))
	from := pki.DeltaPosition{Begun: at(0), Initial: true}
	round := func(want ...string) {
		t.Helper()
		if d := cmp.Diff(want, alertRound(t, db, &from)); d != "" {
			t.Errorf("delta (-want +got):\n%s", d)
		}
		from.Initial = false
	}
	a, b := pki.AlertKey{Kind: pki.AlertRoot, Object: "a"}, pki.AlertKey{Kind: pki.AlertRoot, Object: "b"}
	judgeAlerts(t, db, pki.AlertVerdict{Alerts: []pki.Alert{about("1", "a", "first"), about("2", "b", "other")}})
	round("1 1 first false", "2 1 other false")
	judgeAlerts(t, db, pki.AlertVerdict{Standing: []pki.AlertKey{a, b}})
	round()
	judgeAlerts(t, db, pki.AlertVerdict{Alerts: []pki.Alert{about("3", "a", "second")}, Standing: []pki.AlertKey{b}})
	round("1 2 second false")
	judgeAlerts(t, db, pki.AlertVerdict{Standing: []pki.AlertKey{b}, Alerts: []pki.Alert{{ID: "4", Tenant: tenant, Kind: pki.AlertRecovered}}})
	round("1 3 second true")
	judgeAlerts(t, db, pki.AlertVerdict{Alerts: []pki.Alert{about("5", "a", "third")}, Standing: []pki.AlertKey{b}})
	round("5 1 third false")
	got, err := db.RaisedAlert(t.Context(), tenant, "5")
	must(t, err)
	want := pki.NewRaisedAlert(about("5", "a", "third"), got.Key)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("stored (-want +got):\n%s", d)
	}
	for _, other := range []struct {
		t  pki.TenantID
		id pki.ID
	}{{another, "5"}, {tenant, "3"}} {
		_, err = db.RaisedAlert(t.Context(), other.t, other.id)
		code(t, err, pki.CodeNotFound)
	}
	told := ""
	for _, d := range deliveries(t, db, 1) {
		for _, n := range d.Batch {
			told += fmt.Sprint(d.Subscription.ID, " ", n.Event, " ", n.Object, "; ")
		}
	}
	if want := "all created 1; all created 2; all updated 1; all updated 1; all created 5; "; told != want {
		t.Errorf("told: %s\nwant: %s", told, want)
	}
	queued := ""
	for q, found := takeAlert(t, db, "x", at(11)); found; q, found = takeAlert(t, db, "x", at(11)) {
		queued += string(q.Alert.ID)
	}
	if queued != "41235" { // what has no time comes first
		t.Errorf("the sink gets %s", queued)
	}
}

// alertsEnd: the alerts of a deleted subscription are resolved with it.
func alertsEnd(t *testing.T, db *store.DB) {
	create(t, db, subscription(tenant, "s"))
	judgeAlerts(t, db, pki.AlertVerdict{Alerts: []pki.Alert{about("1", "a", "one"), about("2", "b", "two")}})
	judgeAlerts(t, db, pki.AlertVerdict{Standing: []pki.AlertKey{{Kind: pki.AlertRoot, Object: "b"}}})
	must(t, db.DeleteSubscription(t.Context(), tenant, "s", nil, event("e")))
	from := pki.DeltaPosition{Begun: at(0), Initial: true}
	if d := cmp.Diff([]string{"1 2 one true", "2 2 two true"}, alertRound(t, db, &from)); d != "" {
		t.Error(d)
	}
	page, err := db.RaisedAlerts(t.Context(), tenant, odata.Query{})
	must(t, err)
	if len(page.Items) != 2 || page.Items[0].ID != "2" || page.Items[0].Tenant != tenant {
		t.Errorf("listed: %+v", page.Items)
	}
	if page, err = db.RaisedAlerts(t.Context(), another, odata.Query{}); err != nil || len(page.Items) > 0 {
		t.Errorf("another tenant has %+v, %v", page.Items, err)
	}
}
