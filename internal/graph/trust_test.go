package graph_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// quarantine gives the subscription alpha a quarantined root, as a sync does,
// and returns its DER.
func (w *world) quarantine(name string) []byte {
	w.t.Helper()
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	now := w.clock.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(9, 0, 0), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(err)
	root := authority(name, pki.AuthorityRoot, odata.FromTime(now))
	root.ID, root.DER, root.State = pki.ID(pki.Thumbprint(der)), der, pki.TrustQuarantined
	_, err = w.store.ChangeTrust(w.t.Context(), tenantA, "alpha", func(*pki.Subscription, []pki.Authority) (pki.Effects, error) {
		return pki.Effects{Roots: []pki.Authority{root}}, nil
	})
	must(err)
	return der
}

// trustedRoot is what a subscription in an answer trusts.
func trustedRoot(t *testing.T, body string) string {
	t.Helper()
	var s struct {
		Root string `json:"trustedRootCertificate"`
	}
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		t.Fatal(err)
	}
	return s.Root
}

// A quarantined root is approved under the conditions of a PATCH, and comes
// into force with all that follows from it.
func TestApproveTrustChange(t *testing.T) {
	w := newWorld(t)
	w.fill()
	der := w.quarantine("new")
	read := w.do("GET", set+"/alpha", "")
	const approve = set + "/alpha/approveTrustChange"
	if got := w.do("POST", approve, "", `If-Match: W/"0.0.a"`); got.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("with a stale tag: %s\n%s", got.Status, got.body)
	}
	got := w.do("POST", approve, `{"comment":"published"}`, "If-Match: "+read.Header.Get("ETag"))
	if got.StatusCode != http.StatusOK || trustedRoot(t, got.body) != base64.StdEncoding.EncodeToString(der) || got.Header.Get("ETag") == read.Header.Get("ETag") {
		t.Fatalf("%s\n%s", got.Status, got.body)
	}
	listed := w.do("GET", set+"/alpha/certificateAuthorities?$filter=state eq 'trusted'&$select=id,state,stateReason,decidedBy", "")
	for _, part := range []string{pki.Thumbprint(der), `"stateReason":"approved: published"`} {
		if !strings.Contains(listed.body, part) {
			t.Errorf("the roots do not tell %s:\n%s", part, listed.body)
		}
	}
	if got := w.do("POST", approve, `{"thumbprint":"`+pki.Thumbprint(der)+`"}`); got.StatusCode != http.StatusConflict {
		t.Errorf("a second time: %s\n%s", got.Status, got.body)
	}
}

// In an atomic group a decision happens with the rest or not at all.
func TestTrustChangeInBatch(t *testing.T) {
	w := newWorld(t)
	w.fill()
	der := w.quarantine("new")
	before := trustedRoot(t, w.do("GET", set+"/alpha", "").body)
	group := func(second string) answer {
		return w.do("POST", "/beta/$batch", `{"requests":[
			{"id":"1","atomicityGroup":"g","method":"POST","url":"/cloudPkiSubscriptions/alpha/approveTrustChange","headers":{"Content-Type":"application/json"},"body":{}},
			{"id":"2","atomicityGroup":"g","method":"POST","url":"/cloudPkiSubscriptions/`+second+`/sync"}]}`)
	}
	group("nobody")
	if got := trustedRoot(t, w.do("GET", set+"/alpha", "").body); got != before {
		t.Error("a decision of a failed group stands")
	}
	got := group("alpha")
	if trustedRoot(t, w.do("GET", set+"/alpha", "").body) != base64.StdEncoding.EncodeToString(der) {
		t.Errorf("a decision of a group was not made:\n%s", got.body)
	}
}
