package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// devicePassword returns the secret of an EST endpoint.
func devicePassword() canary { return canary{"password", "canary+estEndpoints/password~91be4470"} }

// enrolDevices makes an EST endpoint, changes it, spoils it, and has devices
// log in there, well and badly.
func (w witness) enrolDevices(origin string) {
	w.t.Helper()
	made := w.call(http.MethodPost, "/cloudPkiSubscriptions", []byte(`{"id":"of-devices"}`))
	if made.Status != http.StatusCreated {
		w.t.Fatalf("POST of a subscription: %d %s", made.Status, made.Body)
	}
	const set = "/deviceManagement/estEndpoints"
	draft := func(member string, value any) []byte {
		text, err := json.Marshal(map[string]any{"subscriptionId": "of-devices", "userName": "device", "password": devicePassword().text, member: value})
		if err != nil {
			w.t.Fatal(err)
		}
		return text
	}
	var endpoint struct{ ID string }
	if err := w.call(http.MethodPost, set, draft("displayName", "Printers")).Into(&endpoint); err != nil || endpoint.ID == "" {
		w.t.Fatalf("POST of an endpoint: %v", err)
	}
	one := set + "/" + endpoint.ID
	for _, spoilt := range []struct {
		member string
		value  any
	}{
		{"subscriptionId", "nobody"},
		{"userName", ""},
		{"profile", 7},
		{"password", strings.Repeat(devicePassword().text, 2)},
		{"password", []string{devicePassword().text}},
	} {
		if got := w.call(http.MethodPost, set, draft(spoilt.member, spoilt.value)); got.Status != http.StatusBadRequest {
			w.t.Errorf("%s %v: %d", spoilt.member, spoilt.value, got.Status)
		}
	}
	w.call(http.MethodPatch, one, draft("profile", "printers"))
	w.call(http.MethodPatch, one, w.call(http.MethodGet, one, nil).Body)
	w.call(http.MethodGet, set+"?$filter=password%20eq%20'x'", nil)
	w.call(http.MethodGet, "/deviceManagement/auditEvents", nil)

	for name, want := range map[string]int{"device": http.StatusBadRequest, "nobody": http.StatusUnauthorized} {
		r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, origin+"/.well-known/est/"+endpoint.ID+"/simpleenroll", bytes.NewReader([]byte("bm9uZQ==")))
		if err != nil {
			w.t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/pkcs10")
		r.SetBasicAuth(name, devicePassword().text)
		resp, err := w.api.Client.Do(r)
		if err != nil {
			w.t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != want {
			w.t.Errorf("%s: %s %s (%v), want %d", name, resp.Status, text, err, want)
		}
		search(w.t, "the answer to a device", text, w.planted)
	}
}

// basic returns the field by which a device logs in, as it could lie about.
func basic() canary {
	return canary{"Authorization of a device", base64.StdEncoding.EncodeToString([]byte("device:" + devicePassword().text))}
}
