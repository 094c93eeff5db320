package graph_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/pki"
)

const following = `"changeType":"created,updated","notificationUrl":"https://receiver.example/hook","resource":"cloudPkiSubscriptions","expirationDateTime":"2026-11-24T12:00:00Z"`

func (w *world) notify(body string, header ...string) string {
	w.t.Helper()
	got := w.do("POST", "/beta/subscriptions", body, header...)
	if got.StatusCode != http.StatusCreated {
		w.t.Fatalf("follow: %s\n%s", got.Status, got.body)
	}
	return got.object(w.t)["id"].(string)
}

func TestNotificationSubscriptionsLife(t *testing.T) {
	w := newWorld(t)
	sub := w.create(`{"displayName":"x"}`)
	got := w.do("POST", "/beta/Subscriptions", fmt.Sprintf(`{
		"@odata.type":"#microsoft.graph.subscription",
		"changeType":"updated, deleted","notificationUrl":"https://receiver.example/hook?code=1",
		"lifecycleNotificationUrl":"https://RECEIVER.example:8443/lifecycle",
		"resource":"/deviceManagement/cloudPkiSubscriptions('%s')/certificates",
		"expirationDateTime":"2026-12-20T18:00:00.1234567+01:00","clientState":"secret «state»",
		"latestSupportedTlsVersion":"v1_3","includeResourceData":false,"encryptionCertificate":null,"applicationId":"ignored"}`, sub))
	if got.StatusCode != http.StatusCreated {
		t.Fatalf("create: %s\n%s", got.Status, got.body)
	}
	id := got.object(t)["id"].(string)
	one := w.origin + "/beta/subscriptions/" + id
	if got.Header.Get("Location") != one || got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("header is %v", got.Header)
	}
	want := `{"@odata.context":"` + w.origin + `/beta/$metadata#subscriptions/$entity","@odata.type":"#microsoft.graph.subscription","id":"` + id +
		`","resource":"/deviceManagement/cloudPkiSubscriptions('` + sub + `')/certificates","applicationId":"client-a","changeType":"updated, deleted",` +
		`"clientState":"secret «state»","notificationQueryOptions":null,"notificationUrl":"https://receiver.example/hook?code=1",` +
		`"lifecycleNotificationUrl":"https://RECEIVER.example:8443/lifecycle","expirationDateTime":"2026-12-20T17:00:00.1234567Z",` +
		`"creatorId":"client-a-subject","includeResourceData":false,"latestSupportedTlsVersion":"v1_3","encryptionCertificate":null,` +
		`"encryptionCertificateId":null,"notificationContentType":null,"notificationUrlAppId":null}`
	if got.body != want {
		t.Errorf("answer is\n%s\nwant\n%s", got.body, want)
	}
	hidden := strings.Replace(want, `"secret «state»"`, "null", 1)
	if got = w.do("GET", one, ""); got.StatusCode != http.StatusOK || got.body != hidden {
		t.Errorf("GET: %s\n%s\nwant\n%s", got.Status, got.body, hidden)
	}
	w.renewAndEnd(one, id)
}

func (w *world) renewAndEnd(one, id string) {
	t := w.t
	got := w.do("PATCH", one, `{"expirationDateTime":"2026-12-21T17:00:00Z"}`)
	if got.StatusCode != http.StatusOK || got.object(t)["expirationDateTime"] != "2026-12-21T17:00:00Z" || got.object(t)["clientState"] != nil {
		t.Errorf("PATCH: %s\n%s", got.Status, got.body)
	}
	if got = w.do("PATCH", one, `{"expirationDateTime":"2026-11-23T12:01:00Z"}`); got.object(t)["expirationDateTime"] != "2026-11-23T12:45:00.1234567Z" {
		t.Errorf("a short life becomes %v", got.object(t)["expirationDateTime"])
	}
	if got = w.do("POST", one+"/reauthorize", ""); got.StatusCode != http.StatusNoContent {
		t.Errorf("reauthorize: %s\n%s", got.Status, got.body)
	}
	for _, query := range []string{
		"", "?$filter=applicationId eq 'client-a'", "?$filter=startswith(resource,'/deviceManagement') and expirationDateTime gt 2026-01-01T00:00:00Z",
		"?$orderby=expirationDateTime desc", "?$top=1", "?$select=id,resource",
	} {
		got := w.do("GET", "/beta/subscriptions"+query, "")
		var list struct{ Value []map[string]any }
		if err := json.Unmarshal([]byte(got.body), &list); err != nil || len(list.Value) != 1 || list.Value[0]["id"] != id || list.Value[0]["clientState"] != nil {
			t.Errorf("%s: %s\n%s", query, got.Status, got.body)
		}
	}
	if got = w.do("GET", "/beta/subscriptions/$count?$filter=changeType eq 'x'", ""); got.body != "0" {
		t.Errorf("count is %s", got.body)
	}
	if got = w.do("GET", one+"/deadLetters?$count=true&$filter=event eq 'created'", ""); got.StatusCode != http.StatusOK ||
		got.body != `{"@odata.context":"`+w.origin+`/beta/$metadata#subscriptions('`+id+`')/deadLetters","@odata.count":0,"value":[]}` {
		t.Errorf("deadLetters: %s\n%s", got.Status, got.body)
	}
	if got = w.do("GET", "/beta/subscriptions('"+id+"')/deadLetters/$count", ""); got.body != "0" {
		t.Errorf("count of deadLetters is %s", got.body)
	}
	if got = w.do("DELETE", one, ""); got.StatusCode != http.StatusNoContent {
		t.Errorf("DELETE: %s\n%s", got.Status, got.body)
	}
	for _, c := range []struct{ method, path, body string }{
		{"GET", one, ""},
		{"PATCH", one, `{"expirationDateTime":"2026-12-21T17:00:00Z"}`},
		{"DELETE", one, ""},
		{"POST", one + "/reauthorize", ""},
		{"GET", one + "/deadLetters", ""},
	} {
		got := w.do(c.method, c.path, c.body)
		if want := "Resource '" + id + "' of type 'subscription' does not exist."; got.StatusCode != http.StatusNotFound || !strings.Contains(got.body, want) {
			t.Errorf("then %s %s: %s\n%s", c.method, c.path, got.Status, got.body)
		}
	}
	events := w.do("GET", "/beta/deviceManagement/auditEvents?$filter=resourceId eq '"+id+"'&$select=activityType", "").body
	for _, activity := range []string{"Create Subscription", "Patch Subscription", "Reauthorize Subscription", "Delete Subscription"} {
		if !strings.Contains(events, activity) {
			t.Errorf("the audit trail has no %s: %s", activity, events)
		}
	}
}

func TestNotificationSubscriptionsRefusals(t *testing.T) {
	w := newWorld(t)
	create := func(replace, with string) string {
		body := "{" + following + "}"
		if !strings.Contains(body, replace) {
			t.Fatalf("no %s in the body", replace)
		}
		return strings.Replace(body, replace, with, 1)
	}
	add := func(member string) string { return "{" + following + "," + member + "}" }
	const url = `"notificationUrl":"https://receiver.example/hook"`
	const at = `"expirationDateTime":"2026-11-24T12:00:00Z"`
	const resources = "This resource cannot be followed. Follow cloudPkiSubscriptions, cloudPkiSubscriptions/{id}, cloudPkiSubscriptions/{id}/syncRuns, cloudPkiSubscriptions/{id}/certificateAuthorities or cloudPkiSubscriptions/{id}/certificates, each also below deviceManagement/, or deviceManagement/trustBundles, deviceManagement/trustBundles/{id} or deviceManagement/alerts, without the address of the service."
	const types = "changeType is one or more of created, updated and deleted, each once, with commas between."
	for name, c := range map[string]struct{ body, target, message string }{
		"nothing":              {"{}", "changeType", "The property 'changeType' is required."},
		"no notificationUrl":   {create(url+",", ""), "notificationUrl", "The property 'notificationUrl' is required."},
		"no resource":          {create(`"resource":"cloudPkiSubscriptions",`, ""), "resource", "The property 'resource' is required."},
		"no expiration":        {create(","+at, ""), "expirationDateTime", "The property 'expirationDateTime' is required."},
		"unknown change":       {create("created,updated", "created,moved"), "changeType", types},
		"change twice":         {create("created,updated", "created,created"), "changeType", types},
		"empty change":         {create("created,updated", ""), "changeType", types},
		"change in capitals":   {create("created,updated", "Created"), "changeType", types},
		"http":                 {create("https://r", "http://r"), "notificationUrl", "notificationUrl must begin with https://."},
		"no host":              {create("https://receiver.example", "https://"), "notificationUrl", "notificationUrl is not a valid address."},
		"relative":             {create("https://receiver.example", ""), "notificationUrl", "notificationUrl is not a valid address."},
		"user name":            {create("https://", "https://ada:pass@"), "notificationUrl", "notificationUrl must not hold a user name or a password."},
		"fragment":             {create("/hook", "/hook#x"), "notificationUrl", "notificationUrl must not have a fragment."},
		"own token":            {create("/hook", "/hook?validationToken=x"), "notificationUrl", "notificationUrl must not have the parameter validationToken, which the service adds."},
		"number for a host":    {create("receiver.example", "2130706433"), "notificationUrl", "The host of notificationUrl is neither a DNS name nor an IP address."},
		"zone":                 {create("receiver.example", "[fe80::1%25eth0]"), "notificationUrl", "The host of notificationUrl is neither a DNS name nor an IP address."},
		"port 0":               {create("receiver.example", "receiver.example:0"), "notificationUrl", "notificationUrl is not a valid address."},
		"blank in the address": {create("/hook", "/ho ok"), "notificationUrl", "notificationUrl is not a valid address."},
		"backslash":            {create("/hook", `\\hook`), "notificationUrl", "notificationUrl is not a valid address."},
		"long address":         {create("/hook", "/"+strings.Repeat("x", 2048)), "notificationUrl", ""},
		"lifecycle elsewhere":  {add(`"lifecycleNotificationUrl":"https://other.example/"`), "lifecycleNotificationUrl", "lifecycleNotificationUrl must have the same host as notificationUrl."},
		"lifecycle of http":    {add(`"lifecycleNotificationUrl":"http://receiver.example/"`), "lifecycleNotificationUrl", "lifecycleNotificationUrl must begin with https://."},
		"other resource":       {create(`"cloudPkiSubscriptions"`, `"users"`), "resource", resources},
		"whole address":        {create(`"cloudPkiSubscriptions"`, `"`+w.origin+`/beta/cloudPkiSubscriptions"`), "resource", resources},
		"skipped items":        {create(`"cloudPkiSubscriptions"`, `"cloudPkiSubscriptions/x/skippedItems"`), "resource", resources},
		"one certificate":      {create(`"cloudPkiSubscriptions"`, `"cloudPkiSubscriptions/x/certificates/y"`), "resource", resources},
		"delta":                {create(`"cloudPkiSubscriptions"`, `"cloudPkiSubscriptions/delta()"`), "resource", resources},
		"query":                {create(`"cloudPkiSubscriptions"`, `"cloudPkiSubscriptions?$filter=x"`), "resource", resources},
		"strange key":          {create(`"cloudPkiSubscriptions"`, `"cloudPkiSubscriptions('a b')"`), "resource", resources},
		"empty resource":       {create(`"cloudPkiSubscriptions"`, `""`), "resource", resources},
		"past":                 {create("2026-11-24", "2026-11-22"), "expirationDateTime", "Subscription expiration must be in the future."},
		"too far":              {create("2026-11-24", "2026-12-24"), "expirationDateTime", "Subscription expiration can only be 41760 minutes in the future."},
		"no date":              {create("2026-11-24T12:00:00Z", "tomorrow"), "expirationDateTime", ""},
		"long clientState":     {add(`"clientState":"` + strings.Repeat("s", 256) + `"`), "clientState", ""},
		"old TLS":              {add(`"latestSupportedTlsVersion":"v1_1"`), "latestSupportedTlsVersion", "latestSupportedTlsVersion is v1_2 or v1_3; older versions of TLS are not spoken."},
		"resource data":        {add(`"includeResourceData":true`), "includeResourceData", "Notifications with resource data are not supported. Leave includeResourceData out and read the resource that the notification names."},
		"encryption":           {add(`"encryptionCertificate":"MII="`), "encryptionCertificate", "The property 'encryptionCertificate' is not supported. Leave it out."},
		"unknown member":       {add(`"frequency":"daily"`), "frequency", ""},
		"wrong type":           {add(`"clientState":7`), "clientState", ""},
	} {
		t.Run(name, func(t *testing.T) { w.refuses(t, "POST", "/beta/subscriptions", c.body, c.target, c.message) })
	}
	id := w.notify(add(`"lifecycleNotificationUrl":"https://receiver.example/l"`))
	for name, c := range map[string]struct{ body, target, message string }{
		"nothing":           {"{}", "expirationDateTime", "There is nothing to change. Send expirationDateTime, notificationUrl or both."},
		"past":              {`{"expirationDateTime":"2026-11-22T00:00:00Z"}`, "expirationDateTime", "Subscription expiration must be in the future."},
		"another resource":  {`{"resource":"cloudPkiSubscriptions"}`, "resource", "The property 'resource' cannot be changed; expirationDateTime and notificationUrl can. Make another subscription."},
		"another lifecycle": {`{"lifecycleNotificationUrl":"https://receiver.example/"}`, "lifecycleNotificationUrl", "The property 'lifecycleNotificationUrl' cannot be changed; expirationDateTime and notificationUrl can. Make another subscription."},
		"another host":      {`{"notificationUrl":"https://other.example/"}`, "notificationUrl", "notificationUrl must have the same host as lifecycleNotificationUrl, which cannot be changed."},
		"http":              {`{"notificationUrl":"http://receiver.example/"}`, "notificationUrl", "notificationUrl must begin with https://."},
	} {
		t.Run("PATCH "+name, func(t *testing.T) { w.refuses(t, "PATCH", "/beta/subscriptions/"+id, c.body, c.target, c.message) })
	}
	for _, path := range []string{"/beta/subscriptions", "/beta/subscriptions/" + id} {
		w.refuses(t, "GET", path+"?$expand=deadLetters", "", "$expand", "The query option '$expand' is not supported here. Read deadLetters at its own address.")
	}
	w.refuses(t, "GET", "/beta/subscriptions?$filter=clientState eq 'x'", "", "", "")
}

// refuses checks that a request gets 400 with the message, where one is given,
// about the target.
func (w *world) refuses(t *testing.T, method, path, body, target, message string) {
	t.Helper()
	got := w.do(method, path, body)
	var envelope struct {
		Error struct{ Code, Message, Target string }
	}
	if err := json.Unmarshal([]byte(got.body), &envelope); err != nil || got.StatusCode != http.StatusBadRequest {
		t.Fatalf("%s\n%s", got.Status, got.body)
	}
	e := envelope.Error
	if message != "" && e.Message != message || target != "" && e.Target != target {
		t.Errorf("refused with %+v, want %s: %s", e, target, message)
	}
}

func TestTheReceiverMustAgree(t *testing.T) {
	w := newWorld(t)
	var asked []string
	w.consent = func(_ context.Context, tenant pki.TenantID, address string) error {
		asked = append(asked, string(tenant)+" "+address)
		if strings.HasSuffix(address, "/no") {
			return &pki.Error{Code: pki.CodeValidation, Msg: "Subscription validation request timed out."}
		}
		return nil
	}
	id := w.notify(`{` + following + `,"lifecycleNotificationUrl":"https://receiver.example/lifecycle"}`)
	if want := []string{tenantA + " https://receiver.example/hook", tenantA + " https://receiver.example/lifecycle"}; strings.Join(asked, ";") != strings.Join(want, ";") {
		t.Errorf("asked %v", asked)
	}
	for _, c := range []struct{ method, path, body, target string }{
		{"POST", "/beta/subscriptions", strings.Replace("{"+following+"}", "/hook", "/no", 1), "notificationUrl"},
		{"POST", "/beta/subscriptions", `{` + following + `,"lifecycleNotificationUrl":"https://receiver.example/no"}`, "lifecycleNotificationUrl"},
		{"PATCH", "/beta/subscriptions/" + id, `{"notificationUrl":"https://receiver.example/no"}`, "notificationUrl"},
	} {
		got := w.do(c.method, c.path, c.body)
		if got.StatusCode != http.StatusBadRequest || !strings.Contains(got.body, `"code":"ValidationError","message":"Subscription validation request timed out.","target":"`+c.target+`"`) {
			t.Errorf("%s: %s\n%s", c.method, got.Status, got.body)
		}
	}
	asked = nil
	for _, body := range []string{`{"notificationUrl":"https://receiver.example/hook"}`, `{"expirationDateTime":"2026-11-25T00:00:00Z"}`} {
		w.do("PATCH", "/beta/subscriptions/"+id, body)
	}
	w.do("POST", "/beta/subscriptions", strings.Replace("{"+following+"}", `"cloudPkiSubscriptions"`, `"cloudPkiSubscriptions/none"`, 1))
	if len(asked) != 0 {
		t.Errorf("without need asked %v", asked)
	}
	if got := w.do("PATCH", "/beta/subscriptions/"+id, `{"notificationUrl":"https://receiver.example/moved"}`); got.object(t)["notificationUrl"] != "https://receiver.example/moved" || len(asked) != 1 {
		t.Errorf("moved: %s\n%s", got.Status, got.body)
	}
}

func TestNotificationSubscriptionsBelongToTheirApplication(t *testing.T) {
	w := newWorld(t)
	reader := "Authorization: Bearer " + w.token(tenantA, "reader", auth.ScopeRead)
	stranger := "Authorization: Bearer " + w.token(tenantA, "stranger", auth.ScopeRead)
	foreign := "Authorization: Bearer " + w.token(tenantB, "reader", auth.ScopeReadWrite)
	none := "Authorization: Bearer " + w.token(tenantA, "reader", "Nothing")
	id := w.notify("{"+following+"}", reader)
	one := "/beta/subscriptions/" + id
	for _, c := range []struct {
		who, token string
		status     int
		list       string
	}{
		{"its own", reader, 200, "1"},
		{"an admin", "Authorization: Bearer " + w.admin(), 200, "1"},
		{"another application", stranger, 404, "0"},
		{"another tenant", foreign, 404, "0"},
	} {
		if got := w.do("GET", one, "", c.token); got.StatusCode != c.status {
			t.Errorf("%s: GET %s", c.who, got.Status)
		}
		if got := w.do("GET", "/beta/subscriptions/$count", "", c.token); got.body != c.list {
			t.Errorf("%s counts %s", c.who, got.body)
		}
		if got := w.do("GET", one+"/deadLetters", "", c.token); got.StatusCode != c.status {
			t.Errorf("%s: deadLetters %s", c.who, got.Status)
		}
	}
	for _, token := range []string{stranger, foreign} {
		for _, c := range []struct{ method, path, body string }{
			{"PATCH", one, `{"expirationDateTime":"2026-11-25T00:00:00Z"}`}, {"DELETE", one, ""}, {"POST", one + "/reauthorize", ""},
		} {
			if got := w.do(c.method, c.path, c.body, token); got.StatusCode != http.StatusNotFound {
				t.Errorf("%s by a stranger: %s", c.method, got.Status)
			}
		}
	}
	if got := w.do("POST", "/beta/subscriptions", "{"+following+"}", none); got.StatusCode != http.StatusForbidden {
		t.Errorf("without permission: %s", got.Status)
	}
	if got := w.do("DELETE", one, "", reader); got.StatusCode != http.StatusNoContent {
		t.Errorf("DELETE: %s", got.Status)
	}
}

func TestNotificationSubscriptionsHaveAQuota(t *testing.T) {
	w := newWorld(t)
	for range 20 {
		w.notify("{" + following + "}")
	}
	got := w.do("POST", "/beta/subscriptions", "{"+following+"}")
	const want = `"code":"Forbidden","message":"The tenant has 20 subscriptions to change notifications, which is its quota. Delete one that is not needed, or have the operator raise notifications.max_per_tenant."`
	if got.StatusCode != http.StatusForbidden || !strings.Contains(got.body, want) {
		t.Errorf("%s\n%s", got.Status, got.body)
	}
	got = w.do("POST", "/beta/subscriptions", strings.Replace("{"+following+"}", `"cloudPkiSubscriptions"`, `"cloudPkiSubscriptions/none"`, 1))
	if got.StatusCode != http.StatusNotFound || !strings.Contains(got.body, "Resource 'none' of type 'cloudPkiSubscription' does not exist.") {
		t.Errorf("%s\n%s", got.Status, got.body)
	}
}

func TestClientStateIsKeptSecret(t *testing.T) {
	w := newWorld(t)
	const canary = "canary-7f31"
	id := w.notify(`{` + following + `,"clientState":"` + canary + `"}`)
	w.clock.Move(time.Minute)
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/beta/subscriptions", ""},
		{"GET", "/beta/subscriptions/" + id + "?$select=clientState", ""},
		{"GET", "/beta/subscriptions?$filter=clientState eq '" + canary + "'", ""},
		{"PATCH", "/beta/subscriptions/" + id, `{"expirationDateTime":"2026-11-25T00:00:00Z"}`},
		{"PATCH", "/beta/subscriptions/" + id, `{"clientState":"` + canary + `"}`},
		{"POST", "/beta/subscriptions", `{` + following + `,"clientState":["` + canary + `"]}`},
		{"GET", "/beta/deviceManagement/auditEvents", ""},
	} {
		if got := w.do(c.method, c.path, c.body); strings.Contains(got.body, canary) {
			t.Errorf("%s %s: %s\n%s", c.method, c.path, got.Status, got.body)
		}
	}
	if strings.Contains(w.log.String(), canary) {
		t.Error("the log holds it")
	}
}
