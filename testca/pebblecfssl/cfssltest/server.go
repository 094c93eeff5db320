// Package cfssltest starts a real CFSSL API server in the test's own process,
// with its tables in a PostgreSQL database.
package cfssltest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloudflare/cfssl/api/crl"
	"github.com/cloudflare/cfssl/api/info"
	"github.com/cloudflare/cfssl/api/revoke"
	"github.com/cloudflare/cfssl/api/signhandler"
	"github.com/cloudflare/cfssl/auth"
	certsql "github.com/cloudflare/cfssl/certdb/sql"
	"github.com/cloudflare/cfssl/config"
	"github.com/cloudflare/cfssl/log"
	"github.com/cloudflare/cfssl/signer/local"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
)

// authKey is what authsign requests are signed with, in hex.
const authKey = "000102030405060708090a0b0c0d0e0f"

const api = "/api/v1/cfssl/"

// A Server is CFSSL behind TLS. Beside its API it has what an operator
// publishes of it: /root.pem, /issuing.pem and /issuing.crl.
type Server struct {
	*httptest.Server

	Root *x509.Certificate

	issuing *x509.Certificate
}

// Start starts CFSSL on an empty database, given by its URL.
func Start(t *testing.T, database string) *Server {
	t.Helper()
	log.Level = log.LevelFatal
	root, rootKey := newAuthority(t, "CFSSL Root", nil, nil)
	issuing, key := newAuthority(t, "CFSSL Issuing", root, rootKey)
	s := &Server{Root: root, issuing: issuing}
	mux := http.NewServeMux()
	s.mount(t, mux, tables(t, database), key)
	mux.HandleFunc("GET /root.pem", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(encode(root)) })
	mux.HandleFunc("GET /issuing.pem", func(w http.ResponseWriter, _ *http.Request) {
		s.publish(w, mux, http.MethodPost, "info", `{"label":""}`)
	})
	mux.HandleFunc("GET /issuing.crl", func(w http.ResponseWriter, _ *http.Request) { s.publish(w, mux, http.MethodGet, "crl?expiry=24h", "") })
	s.Server = httptest.NewTLSServer(mux)
	t.Cleanup(s.Close)
	return s
}

// mount puts CFSSL's own handlers on mux.
func (s *Server) mount(t *testing.T, mux *http.ServeMux, db *sqlx.DB, key *ecdsa.PrivateKey) {
	t.Helper()
	records := certsql.NewAccessor(db)
	provider, err := auth.New(authKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := local.NewSigner(key, s.issuing, x509.ECDSAWithSHA256, &config.Signing{Default: &config.SigningProfile{
		Usage: []string{"server auth", "digital signature"}, ExpiryString: "720h", Expiry: 720 * time.Hour, Provider: provider,
	}})
	if err != nil {
		t.Fatal(err)
	}
	signer.SetDBAccessor(records)
	sign, err := signhandler.NewAuthHandlerFromSigner(signer)
	if err != nil {
		t.Fatal(err)
	}
	tell, err := info.NewHandler(signer)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := files(t, s.issuing, key)
	list, err := crl.NewHandler(records, certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	for path, h := range map[string]http.Handler{"authsign": sign, "info": tell, "crl": list, "revoke": revoke.NewHandler(records)} {
		mux.Handle(api+path, h)
	}
}

// tables makes CFSSL's tables by its own migrations.
func tables(t *testing.T, database string) *sqlx.DB {
	t.Helper()
	db, err := sqlx.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/cloudflare/cfssl").Output()
	if err != nil {
		t.Fatalf("find CFSSL's migrations: %v", err)
	}
	up, err := goose.NewProvider(goose.DialectPostgres, db.DB, os.DirFS(filepath.Join(strings.TrimSpace(string(dir)), "certdb", "pg", "migrations")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := up.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// publish takes out of CFSSL's JSON what an operator would put on a web server.
func (s *Server) publish(w http.ResponseWriter, mux http.Handler, method, call, body string) {
	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, httptest.NewRequest(method, api+call, strings.NewReader(body)))
	var answer struct{ Result json.RawMessage }
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil || rec.Code != http.StatusOK {
		http.Error(w, rec.Body.String(), http.StatusBadGateway)
		return
	}
	var list []byte // base64 in JSON
	var told struct{ Certificate string }
	if json.Unmarshal(answer.Result, &list) == nil {
		_, _ = w.Write(list)
	} else if json.Unmarshal(answer.Result, &told) == nil {
		_, _ = io.WriteString(w, told.Certificate)
	}
}

// Issue gets a certificate by authsign.
func (s *Server) Issue(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	key := newKey(t)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}}, key)
	if err != nil {
		t.Fatal(err)
	}
	request, err := json.Marshal(map[string]any{
		"certificate_request": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), "hosts": []string{name},
	})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := hex.DecodeString(authKey)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(request)
	var result struct{ Certificate string }
	s.call(t, "authsign", map[string]string{
		"token": base64.StdEncoding.EncodeToString(mac.Sum(nil)), "request": base64.StdEncoding.EncodeToString(request),
	}, &result)
	block, _ := pem.Decode([]byte(result.Certificate))
	if block == nil {
		t.Fatal("CFSSL answers without a certificate")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// Revoke revokes a certificate through the API.
func (s *Server) Revoke(t *testing.T, cert *x509.Certificate) {
	t.Helper()
	s.call(t, "revoke", map[string]string{
		"serial": cert.SerialNumber.String(), "authority_key_id": hex.EncodeToString(cert.AuthorityKeyId), "reason": "keyCompromise",
	}, nil)
}

func (s *Server) call(t *testing.T, call string, body, result any) {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+api+call, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // it is read to its end
	var answer struct {
		Success bool
		Result  json.RawMessage
		Errors  []any
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || !answer.Success {
		t.Fatalf("%s: HTTP %d, %v, %v", call, resp.StatusCode, answer.Errors, err)
	}
	if result == nil {
		return
	}
	if err := json.Unmarshal(answer.Result, result); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", call, err))
	}
}
