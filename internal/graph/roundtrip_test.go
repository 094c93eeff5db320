package graph_test

import (
	"strings"
	"testing"
)

// TestReadAndWriteBack: a client that reads a subscription, in any format, and
// writes the whole answer back, changes nothing and loses no secret.
func TestReadAndWriteBack(t *testing.T) {
	for _, metadata := range []string{"none", "minimal", "full"} {
		t.Run(metadata, func(t *testing.T) {
			w := newWorld(t)
			w.fill()
			for _, selected := range []string{"", "?$select=*"} {
				before := w.do("GET", set+"/alpha"+selected, "", "Accept: application/json;odata.metadata="+metadata)
				written := w.do("PATCH", set+"/alpha", before.body)
				if written.StatusCode != 200 {
					t.Fatalf("write back: %s\n%s", written.Status, written.body)
				}
				after := w.do("GET", set+"/alpha"+selected, "", "Accept: application/json;odata.metadata="+metadata)
				if after.body != before.body || after.Header.Get("ETag") != before.Header.Get("ETag") {
					t.Errorf("something has changed:\n%s\n%s", before.body, after.body)
				}
			}
			info := w.do("GET", set+"/alpha?$select=credentialInfo", "").body
			if !strings.Contains(info, `"hasAdminPassword":true,"hasAuthenticationCertificate":true,"hasAuthenticationCertificatePassword":true`) {
				t.Errorf("a secret is lost: %s", info)
			}
		})
	}
}

// TestCopy: what was read of one subscription creates another, without the
// secrets that reads do not show.
func TestCopy(t *testing.T) {
	w := newWorld(t)
	w.fill()
	read := w.do("GET", set+"/alpha", "").body
	copied := w.do("POST", set+"/copy", strings.Replace(read, `"id":"alpha",`, "", 1))
	if copied.StatusCode != 201 || !strings.Contains(copied.body, `"displayName":"Alpha"`) || !strings.Contains(copied.body, `"syncStatus":"succeeded"`) {
		t.Errorf("%s\n%s", copied.Status, copied.body)
	}
	if again := w.do("POST", set+"/other", read); again.StatusCode != 400 {
		t.Errorf("a body with another id than the address: %s", again.Status)
	}
}
