package formats

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cloudpki/e2e/program"
)

// patience bounds the wait for a sync: one that never ends must not hang the
// suite.
const patience = 15 * time.Second

// The bundles that are published.
const (
	whole  = "Whole_Set" // all roots and the intermediate; no name that Kubernetes takes as it is
	single = "single"    // the RSA root alone
)

// A world is the service with its bundles, and a CA that publishes its
// certificates on a server below one of the roots.
type world struct {
	authorities
	program.Connection

	api  program.API
	site *httptest.Server // of the CA
}

// newWorld starts all of it.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{authorities: newAuthorities(t)}
	w.serveCA(t)
	built, data := program.Build(t, "../.."), t.TempDir()
	w.Connection = program.Prepare(t, built, data, "")
	served := program.Serve(t, built, data, w.Connection,
		"CLOUDPKI_TRUST_SIGNING_CERTIFICATE="+saved(t, inPEM(w.publisher.cert, w.above.cert)),
		"CLOUDPKI_TRUST_SIGNING_KEY="+saved(t, keyInPEM(t, w.publisher.key)))
	t.Cleanup(func() { program.Kill(served) })
	w.api = w.Login(t)
	one := w.subscribe(t, map[string]string{"rootUrls": "rsa.pem"})
	w.publish(t, map[string]any{"name": single, "subscriptionIds": []string{one}, "access": "public"})
	w.publish(t, map[string]any{"name": whole, "includeIntermediates": true, "access": "public", "subscriptionIds": []string{
		one, w.subscribe(t, map[string]string{"rootUrls": "plain.pem", "chainUrls": "intermediate.pem"}), w.subscribe(t, map[string]string{"rootUrls": "hostile.pem"}),
	}})
	return w
}

// serveCA publishes the certificates, by TLS with a certificate that chains to
// a root by way of the intermediate.
func (w *world) serveCA(t *testing.T) {
	t.Helper()
	mux := http.NewServeMux()
	for path, text := range map[string][]byte{
		"/plain.pem":        inPEM(w.plain.cert),
		"/rsa.pem":          inPEM(w.rsa.cert),
		"/hostile.pem":      inPEM(w.hostile.cert),
		"/intermediate.pem": inPEM(w.intermediate.cert),
	} {
		mux.HandleFunc("GET "+path, func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(text) })
	}
	w.site = httptest.NewUnstartedServer(mux)
	w.site.Config.ErrorLog = log.New(io.Discard, "", 0) // one call is to fail
	w.site.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{
		Certificate: [][]byte{w.server.cert.Raw, w.intermediate.cert.Raw}, PrivateKey: w.server.key,
	}}}
	w.site.StartTLS()
	t.Cleanup(w.site.Close)
}

// subscribe makes a subscription to files of the CA and waits until it has
// synced.
func (w *world) subscribe(t *testing.T, settings map[string]string) string {
	t.Helper()
	var list []map[string]string
	for name, value := range settings {
		list = append(list, map[string]string{"name": name, "value": value})
	}
	var made struct{ ID string }
	w.post(t, "/cloudPkiSubscriptions", map[string]any{
		"displayName": settings["rootUrls"], "cloudPkiProvider": "generic", "serviceUri": w.site.URL + "/",
		"serverCertificateAuthorities": inPEM(w.plain.cert), "providerSettings": list,
	}, &made)
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	for {
		var runs struct {
			Value []struct{ Status, ErrorMessage string }
		}
		w.read(t, "/cloudPkiSubscriptions/"+made.ID+"/syncRuns?$top=1", &runs)
		if len(runs.Value) > 0 {
			switch run := runs.Value[0]; run.Status {
			case "succeeded":
				return made.ID
			case "failed", "cancelled":
				t.Fatalf("the sync of %s: %+v", settings["rootUrls"], run)
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the sync of %s does not end: %+v", settings["rootUrls"], runs)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// publish makes a bundle.
func (w *world) publish(t *testing.T, bundle map[string]any) {
	t.Helper()
	var made struct{ PublishStatus string }
	w.post(t, "/deviceManagement/trustBundles", bundle, &made)
	if made.PublishStatus != "published" {
		t.Errorf("the bundle is %q", made.PublishStatus)
	}
}

func (w *world) post(t *testing.T, address string, body, into any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.api.Must(t, http.MethodPost, address, text, http.StatusCreated).Into(into); err != nil {
		t.Fatal(err)
	}
}

func (w *world) read(t *testing.T, address string, into any) {
	t.Helper()
	if err := w.api.Must(t, http.MethodGet, address, nil, http.StatusOK).Into(into); err != nil {
		t.Fatal(err)
	}
}

// fetch returns what a device without a token gets of a bundle in a format.
func (w *world) fetch(t *testing.T, bundle, ext string) []byte {
	t.Helper()
	device := program.API{Client: w.api.Client}
	return device.Must(t, http.MethodGet, w.Authority+"/trust/"+w.Tenant+"/"+bundle+"."+ext, nil, http.StatusOK).Body
}

// file returns the path of a file with what fetch returns.
func (w *world) file(t *testing.T, bundle, ext string) string {
	t.Helper()
	return saved(t, w.fetch(t, bundle, ext))
}

// saved returns the path of a new file with the content, for its owner alone.
func saved(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
