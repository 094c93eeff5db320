package cli

import (
	"bufio"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// The client that the stub knows.
const (
	tenant       = "contoso"
	clientSecret = "client-s3cret"
	accessToken  = "token-canary"
)

// A stub is a service behind real TLS that gives the answers of an archive
// and notes what it is sent.
type stub struct {
	server *httptest.Server

	mu        sync.Mutex
	answers   map[string][]string // by method and path; the last one stays
	log       strings.Builder
	count     int
	interrupt int
	cancel    context.CancelFunc
}

func startStub(t *testing.T, a *archive) *stub {
	t.Helper()
	s := &stub{answers: map[string][]string{}}
	for _, section := range a.sections {
		method, _, _ := strings.Cut(section.name, " ")
		if strings.ToUpper(method) == method {
			s.answers[section.name] = append(s.answers[section.name], section.text)
		}
	}
	s.server = httptest.NewUnstartedServer(s)
	s.server.EnableHTTP2 = true
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust it are part of the tests
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
	return s
}

func (s *stub) caPEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw}))
}

// connection writes a connection file and returns its path.
func (s *stub) connection(t *testing.T, folder string) string {
	t.Helper()
	path := filepath.Join(folder, "connection.json")
	write(t, path, fmt.Sprintf(`{"base_url": %q, "authority": %q, "tenant": %q, "client_id": "admin", "client_secret": %q, "ca_pem": %q, "limited_client_id": "x"}`,
		s.server.URL+"/beta", s.server.URL, tenant, clientSecret, filepath.Join(folder, "ca.pem")))
	return path
}

// interruptAt calls cancel when the nth request from now on has come.
func (s *stub) interruptAt(n int, cancel context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count, s.interrupt, s.cancel = 0, n, cancel
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.URL.Path == "/"+tenant+"/oauth2/v2.0/token" {
		s.giveToken(w, string(body))
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+accessToken {
		http.Error(w, `{"error":{"code":"InvalidAuthenticationToken","message":"The token is not one of a trusted issuer."}}`, http.StatusUnauthorized)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/beta/deviceManagement/")
	fmt.Fprintf(&s.log, "%s %s", r.Method, path)
	if r.URL.RawQuery != "" {
		query, err := url.QueryUnescape(r.URL.RawQuery)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintf(&s.log, " %s", query)
	}
	if len(body) > 0 {
		fmt.Fprintf(&s.log, " %s", body)
	}
	s.log.WriteByte('\n')
	w.Header().Set("request-id", "r-"+strconv.Itoa(s.count))
	s.answer(w, r.Method+" "+path)
	if s.count++; s.count == s.interrupt {
		s.cancel()
	}
}

func (s *stub) giveToken(w http.ResponseWriter, form string) {
	if !strings.Contains(form, "client_secret="+clientSecret) {
		http.Error(w, `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."}`, http.StatusUnauthorized)
		return
	}
	fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3600,"access_token":%q}`, accessToken)
}

// answer gives the next answer of a route.
func (s *stub) answer(w http.ResponseWriter, route string) {
	answers := s.answers[route]
	if len(answers) == 0 {
		http.Error(w, `{"error":{"code":"ResourceNotFound","message":"The resource does not exist."}}`, http.StatusNotFound)
		return
	}
	if len(answers) > 1 {
		s.answers[route] = answers[1:]
	}
	text := strings.ReplaceAll(answers[0], "ORIGIN", s.server.URL)
	head, body, _ := strings.Cut(text, "\n\n")
	status, lines, _ := strings.Cut(head, "\n")
	fields, err := textproto.NewReader(bufio.NewReader(strings.NewReader(lines + "\n\n"))).ReadMIMEHeader()
	code, numberErr := strconv.Atoi(strings.TrimSpace(status))
	if err != nil || numberErr != nil {
		http.Error(w, "the archive's answer is malformed: "+route, http.StatusTeapot)
		return
	}
	for name, values := range fields {
		w.Header()[name] = values
	}
	w.WriteHeader(code)
	_, _ = io.WriteString(w, body) // a client that has gone away has seen enough
}
