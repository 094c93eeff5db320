package pki_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
)

func TestCreateStampsAndEnqueues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	sub := w.create(w.draft())
	now := odata.FromTime(w.now)
	if sub.Version != 1 || sub.Created != now || sub.LastModified != now || !sub.LastSync.IsNever() ||
		sub.SyncStatus != pki.SyncUnknown || sub.NextSync != now {
		t.Errorf("created %+v", sub)
	}
	runs, err := w.service.Runs(t.Context(), tenant, sub.ID, w.query(pki.RunType(), ""))
	w.must(err)
	if len(runs.Items) != 1 || runs.Items[0].Status != pki.RunQueued || runs.Items[0].Trigger != pki.TriggerCreated {
		t.Errorf("runs %+v, want the first one queued", runs.Items)
	}
}

// An import keeps its history; the documented example is one.
func TestCreateAdoptsHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	modified, err := odata.ParseDateTimeOffset("2017-01-01T00:00:35.1329464-08:00")
	w.must(err)
	synced, err := odata.ParseDateTimeOffset("2017-01-01T00:02:49.3205976-08:00")
	w.must(err)
	sub := w.create(pki.Draft{
		Provider: pki.Given("symantec"), LastModified: pki.Given(modified), LastSync: pki.Given(synced),
		SyncStatus: pki.Given(pki.SyncSucceeded), LastSyncError: pki.Given("Last Sync Error value"), Version: pki.Given(int32(7)),
	})
	for _, s := range []pki.Subscription{sub, w.get(sub.ID)} {
		if s.LastModified != modified || s.LastSync != synced || s.SyncStatus != pki.SyncSucceeded ||
			*s.LastSyncError != "Last Sync Error value" || s.Version != 7 {
			t.Errorf("history is lost: %+v", s)
		}
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	taken := w.create(pki.Draft{ID: pki.Given("taken")})
	for name, c := range map[string]struct {
		draft  pki.Draft
		code   pki.Code
		target string
	}{
		"taken id":               {pki.Draft{ID: pki.Given(string(taken.ID))}, pki.CodeExists, "id"},
		"id with a slash":        {pki.Draft{ID: pki.Given("a/b")}, pki.CodeInvalid, "id"},
		"id too long":            {pki.Draft{ID: pki.Given(strings.Repeat("x", 129))}, pki.CodeInvalid, "id"},
		"dots":                   {pki.Draft{ID: pki.Given("..")}, pki.CodeInvalid, "id"},
		"unknown provider":       {pki.Draft{Provider: pki.Given("verisign")}, pki.CodeInvalid, "cloudPkiProvider"},
		"http":                   {pki.Draft{ServiceURI: pki.Given("http://ca.example.com/")}, pki.CodeInvalid, "serviceUri"},
		"password in the URI":    {pki.Draft{ServiceURI: pki.Given("https://a:b@ca.example.com/")}, pki.CodeInvalid, "serviceUri"},
		"query in the URI":       {pki.Draft{ServiceURI: pki.Given("https://ca.example.com/?key=1")}, pki.CodeInvalid, "serviceUri"},
		"schedule too short":     {pki.Draft{SyncSchedule: pki.Given(time.Minute)}, pki.CodeInvalid, "syncSchedule"},
		"schedule too long":      {pki.Draft{SyncSchedule: pki.Given(1000 * time.Hour)}, pki.CodeInvalid, "syncSchedule"},
		"setting without a name": {pki.Draft{Settings: pki.Given([]pki.Setting{{Name: " "}})}, pki.CodeInvalid, "providerSettings/0/name"},
		"setting twice":          {pki.Draft{Settings: pki.Given([]pki.Setting{{Name: "a"}, {Name: "a"}})}, pki.CodeInvalid, "providerSettings/1/name"},
		"large root":             {pki.Draft{TrustedRoot: pki.Given(make([]byte, 1<<20+1))}, pki.CodeInvalid, "trustedRootCertificate"},
	} {
		_, err := w.service.Create(t.Context(), tenant, pki.Actor{}, c.draft, nil)
		var e *pki.Error
		if !errors.As(err, &e) || e.Code != c.code || e.Target != c.target {
			t.Errorf("%s: err = %v, want %s at %q", name, err, c.code, c.target)
		}
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.service.Create(t.Context(), tenant, pki.Actor{}, pki.Draft{
		Provider: pki.Given("x"), ServiceURI: pki.Given("ftp://x"), SyncSchedule: pki.Given(time.Second),
	}, nil)
	var e *pki.Error
	if !errors.As(err, &e) || len(e.Details) != 3 {
		t.Errorf("err = %+v, want three details", err)
	}
}

func TestReplayedCreate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := pki.Draft{DisplayName: pki.Given("once"), Credentials: pki.Given(pki.DraftCredentials{Password: pki.Given(secret.NewString("p"))})}
	key := &pki.ReplayKey{Client: "c", Key: "k", Body: []byte("body")}
	first, err := w.service.Create(t.Context(), tenant, pki.Actor{}, d, key)
	w.must(err)
	w.now = w.now.Add(23 * time.Hour)
	again, err := w.service.Create(t.Context(), tenant, pki.Actor{}, d, key)
	w.must(err)
	ignoreSecrets := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Credentials" }, cmp.Ignore())
	if diff := cmp.Diff(first, again, ignoreSecrets, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".NextSync" }, cmp.Ignore())); diff != "" {
		t.Errorf("the repetition is answered otherwise: %s", diff)
	}
	page, err := w.service.List(t.Context(), tenant, w.query(pki.SubscriptionType(), "$count=true"))
	w.must(err)
	if page.Count != 1 {
		t.Errorf("%d objects were made", page.Count)
	}

	_, err = w.service.Create(t.Context(), tenant, pki.Actor{}, d, &pki.ReplayKey{Client: "c", Key: "k", Body: []byte("other")})
	if pki.CodeOf(err) != pki.CodeReplayMismatch {
		t.Errorf("another body: err = %v", err)
	}
	if _, err = w.service.Create(t.Context(), tenant, pki.Actor{}, d, &pki.ReplayKey{Client: "d", Key: "k", Body: []byte("other")}); err != nil {
		t.Errorf("another client's key is its own: %v", err)
	}
	w.now = w.now.Add(2 * time.Hour)
	late, err := w.service.Create(t.Context(), tenant, pki.Actor{}, d, key)
	if err != nil || late.ID == first.ID {
		t.Errorf("after a day the key is free again: %v, %v", late.ID, err)
	}
}

func TestUpdateMerges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	sub := w.create(w.draft())
	w.now = w.now.Add(time.Second)

	got := w.update(sub.ID, pki.Draft{Description: pki.Given("d")})
	if *got.DisplayName != "Device CA" || *got.Description != "d" || got.Version != 2 || got.LastModified != odata.FromTime(w.now) {
		t.Errorf("merged %+v", got)
	}
	same := w.update(sub.ID, pki.Draft{Description: pki.Given("d"), Version: pki.Given(int32(99)), SyncStatus: pki.Given(pki.SyncSucceeded)})
	if same.Version != 2 || same.Revision != got.Revision || same.SyncStatus != pki.SyncUnknown {
		t.Errorf("a patch without change, and of members of the service, changed %+v", same)
	}
	cleared := w.update(sub.ID, pki.Draft{Description: pki.Cleared[string](), ServiceURI: pki.Cleared[string]()})
	if cleared.Description != nil || cleared.ServiceURI != nil || cleared.Version != 3 {
		t.Errorf("null does not clear: %+v", cleared)
	}
}

func TestVersionDoesNotWrap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.create(pki.Draft{Version: pki.Given(int32(math.MaxInt32))})
	if got := w.update(sub.ID, pki.Draft{Description: pki.Given("d")}); got.Version != math.MaxInt32 || got.Revision == sub.Revision {
		t.Errorf("version %d, revision %d", got.Version, got.Revision)
	}
}

func TestUpdateOfSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	sub := w.create(w.draft())
	null, mask := pki.Cleared[secret.Text](), pki.Given(secret.NewString(pki.Mask))
	for name, c := range map[string]pki.DraftCredentials{
		"absent":           {},
		"null, as read":    {Password: null, Certificate: null, CertificatePassword: null},
		"masked":           {Password: mask, Certificate: mask, CertificatePassword: mask},
		"the same secrets": {Certificate: pki.Given(secret.New(w.pfx)), CertificatePassword: pki.Given(secret.NewString(w.pass))},
	} {
		got := w.update(sub.ID, pki.Draft{Credentials: pki.Given(c)})
		if got.Version != 1 || got.Credentials.Certificate == nil || got.Credentials.CertificatePassword == nil {
			t.Errorf("%s: not unchanged: version %d, %+v", name, got.Version, got.Credentials)
		}
	}
	got := w.update(sub.ID, pki.Draft{Credentials: pki.Given(pki.DraftCredentials{Password: pki.Given(secret.NewString("new"))})})
	if got.Version != 2 || got.Credentials.Password == nil || got.Credentials.Certificate == nil {
		t.Errorf("one new secret: version %d, %+v", got.Version, got.Credentials)
	}
	gone := w.update(sub.ID, pki.Draft{Credentials: pki.Cleared[pki.DraftCredentials]()})
	if gone.Credentials != nil || w.get(sub.ID).Credentials != nil {
		t.Error("credentials: null leaves something behind")
	}
}

func TestCredentialInfo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	sub := w.get(w.create(w.draft()).ID)
	info := sub.Credentials.Info
	if info == nil || !strings.Contains(info.Subject, "CN=test") || len(info.Thumbprint) != 64 || !info.NotAfter.After(w.now) {
		t.Fatalf("info = %+v", info)
	}
	bad := w.update(sub.ID, pki.Draft{Credentials: pki.Given(pki.DraftCredentials{CertificatePassword: pki.Given(secret.NewString("wrong"))})})
	if bad.Credentials.Info != nil {
		t.Error("a certificate that does not open is still described")
	}
}

func TestConditionDecides(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.create(pki.Draft{})
	refuse := errors.New("no")
	for name, err := range map[string]error{
		"update": func() error {
			_, err := w.service.Update(t.Context(), tenant, pki.Actor{}, sub.ID, pki.Draft{Description: pki.Given("x")}, func(string) error { return refuse })
			return err
		}(),
		"delete": w.service.Delete(t.Context(), tenant, pki.Actor{}, sub.ID, func(string) error { return refuse }),
	} {
		if !errors.Is(err, refuse) {
			t.Errorf("%s: err = %v", name, err)
		}
	}
	if got := w.get(sub.ID); got.Version != 1 || got.Description != nil {
		t.Errorf("changed against the condition: %+v", got)
	}
}

func TestAuditTrail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	actor := pki.Actor{Client: "app", Subject: "s", Name: "Ada", RequestID: "r"}
	sub, err := w.service.Create(t.Context(), tenant, actor, pki.Draft{Provider: pki.Given("symantec")}, nil)
	w.must(err)
	_, err = w.service.Update(t.Context(), tenant, actor, sub.ID, pki.Draft{
		DisplayName: pki.Given("n"), Credentials: pki.Given(pki.DraftCredentials{Password: pki.Given(secret.NewString("hush"))}),
	}, nil)
	w.must(err)
	w.must(w.service.Delete(t.Context(), tenant, actor, sub.ID, nil))
	page, err := w.service.AuditEvents(t.Context(), tenant, w.query(pki.AuditEventType(), "$orderby=activityType"))
	w.must(err)
	var activities []string
	for _, e := range page.Items {
		activities = append(activities, e.Activity)
		if e.Object != sub.ID || e.Actor != actor {
			t.Errorf("event %+v", e)
		}
	}
	if diff := cmp.Diff([]string{pki.ActivityCreate, pki.ActivityDelete, pki.ActivityPatch}, activities); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"displayName", "credentials", "credentials/adminPassword"}, page.Items[2].Members); diff != "" {
		t.Error(diff)
	}
}

func TestSyncIsRefusedForUnknownProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.create(pki.Draft{})
	if _, err := w.service.RequestSync(t.Context(), tenant, pki.Actor{}, sub.ID); pki.CodeOf(err) != pki.CodeNotSyncable {
		t.Errorf("err = %v", err)
	}
	if runs := w.syncDue(); len(runs) != 0 {
		t.Errorf("unKnown was synced: %+v", runs)
	}
}
