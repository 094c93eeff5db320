package bench_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"testing"

	"cloudpki/bench/load"
)

const (
	set           = "/beta/cloudPkiSubscriptions"
	rootSize      = 900  // bytes of a root with a P-256 key and usual extensions
	clientSize    = 2000 // bytes of a PKCS#12 with a key, a certificate and its issuer
	adminPassword = "Admin Password value"

	// slack is by how many bytes answers to like requests may differ: digits of
	// a fraction of a second.
	slack = 16
)

// documented is the example of the documentation with a root and a client
// certificate of usual size, paused so that no sync disturbs the measurement.
func documented() []byte {
	blob := func(n int, seed byte) string {
		b := make([]byte, n)
		_, _ = rand.NewChaCha8([32]byte{seed}).Read(b) // never fails
		copy(b, []byte{0x30, 0x82, byte((n - 4) >> 8), byte(n - 4)})
		return base64.StdEncoding.EncodeToString(b)
	}
	return fmt.Appendf(nil, `{
  "@odata.type": "#microsoft.graph.cloudPkiSubscription",
  "cloudPkiProvider": "symantec",
  "description": "Description value",
  "lastModifiedDateTime": "2017-01-01T00:00:35.1329464-08:00",
  "displayName": "Display Name value",
  "syncStatus": "succeeded",
  "lastSyncError": "Last Sync Error value",
  "lastSyncDateTime": "2017-01-01T00:02:49.3205976-08:00",
  "credentials": {
    "@odata.type": "microsoft.graph.cloudPkiAdministratorCredentials",
    "adminUserName": "Admin User Name value",
    "adminPassword": "%s",
    "authenticationCertificate": "%s",
    "authenticationCertificatePassword": "Authentication Certificate Password value"
  },
  "trustedRootCertificate": "%s",
  "version": 7,
  "paused": true
}
`, adminPassword, blob(clientSize, 1), blob(rootSize, 2))
}

func (s *side) get(path string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + s.address + "\r\nAccept: application/json\r\n" + s.header + "\r\n")
}

func (s *side) post(path string, body []byte) []byte {
	head := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		path, s.address, s.header, len(body))
	return append(head, body...)
}

// An entity is what is looked at in an answer.
type entity struct {
	ID          string `json:"id"`
	Root        []byte `json:"trustedRootCertificate"`
	Credentials struct {
		Password *string `json:"adminPassword"`
	} `json:"credentials"`
}

// check fails unless e is a whole subscription that shows its secrets or not.
func (e entity) check(secrets bool) error {
	if e.ID == "" || len(e.Root) != rootSize || (e.Credentials.Password != nil) != secrets {
		return fmt.Errorf("not the subscription that was sent: id %q, %d bytes of root, secrets %t", e.ID, len(e.Root), e.Credentials.Password != nil)
	}
	return nil
}

// seed creates n subscriptions and returns the operation of creating, and
// that of getting them.
func (s *side) seed(tb testing.TB, n int) (create, get load.Op) {
	tb.Helper()
	request := s.post(set, documented())
	create = load.Op{Requests: [][]byte{request}, Status: http.StatusCreated}
	get = load.Op{Status: http.StatusOK}
	for range n {
		var e entity
		body := s.one(tb, request, http.StatusCreated, &e)
		if err := e.check(true); err != nil {
			tb.Fatal(err)
		}
		create.Widen(len(body), slack)
		get.Requests = append(get.Requests, s.get(set+"/"+e.ID))
	}
	for _, request := range get.Requests {
		var e entity
		body := s.one(tb, request, http.StatusOK, &e)
		if err := e.check(false); err != nil {
			tb.Fatal(err)
		}
		get.Widen(len(body), slack)
	}
	return create, get
}

// list walks through the set in whole pages of top and returns the operation
// of getting one of them.
func (s *side) list(tb testing.TB, top int) load.Op {
	tb.Helper()
	op := load.Op{Status: http.StatusOK}
	for path := fmt.Sprintf("%s?$top=%d", set, top); path != ""; {
		request := s.get(path)
		var page struct {
			Next  string   `json:"@odata.nextLink"`
			Value []entity `json:"value"`
		}
		body := s.one(tb, request, http.StatusOK, &page)
		for _, e := range page.Value {
			if err := e.check(false); err != nil {
				tb.Fatal(err)
			}
		}
		if len(page.Value) == top {
			op.Requests = append(op.Requests, request)
			op.Widen(len(body), slack)
		}
		next, err := url.Parse(page.Next)
		if err != nil {
			tb.Fatal(err)
		}
		path = ""
		if page.Next != "" {
			path = next.RequestURI()
		}
	}
	return op
}

// one sends a request and decodes the body of its answer into to.
func (s *side) one(tb testing.TB, request []byte, status int, to any) []byte {
	tb.Helper()
	body, err := s.loader.One(request, status)
	if err == nil {
		err = json.Unmarshal(body, to)
	}
	if err != nil {
		line, _, _ := bytes.Cut(request, []byte("\r\n"))
		tb.Fatalf("%s: %s: %v", s.name, line, err)
	}
	return body
}
