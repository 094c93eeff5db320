// Package est makes the simulated CA an EST server (RFC 7030, with the
// corrections of RFC 8951): /cacerts for everyone, /csrattrs and /simpleenroll
// for those who log in by HTTP Basic or a client certificate. Beside it, at
// /crl/, stand the revocation lists, as EST has no call for them.
package est

import (
	"cmp"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/smallstep/pkcs7"

	"cloudpki/internal/casim"
)

// Dialect returns EST. Its labels are the ids of the issuing CAs: "user" and
// "device"; without one, all are listed.
func Dialect() casim.Dialect {
	return casim.Dialect{
		Name:     "est",
		Doc:      "EST server (RFC 7030)",
		Path:     "/",
		MayLogIn: true,
		Handler:  func(c *casim.CA) http.Handler { return &server{c} },
	}
}

type server struct{ ca *casim.CA }

// ServeHTTP routes by hand: the label is optional, and its place is before the
// operation.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation, isEST := strings.CutPrefix(r.URL.Path, "/.well-known/est/")
	issuer, isCRL := strings.CutPrefix(r.URL.Path, "/crl/")
	label, last, labelled := strings.Cut(operation, "/")
	if !labelled {
		label, last = "", operation
	}
	switch {
	case isEST && last == "simpleenroll" && r.Method == http.MethodPost && (label == "" || s.hasLabel(label)):
		s.ca.Count("simpleenroll")
		s.enrol(w, r, label)
	case r.Method != http.MethodGet || r.URL.RawQuery != "":
		http.Error(w, "only GET, and no query", http.StatusMethodNotAllowed)
	case isCRL:
		s.crl(w, strings.TrimSuffix(issuer, ".crl"))
	case !isEST || label != "" && !s.hasLabel(label):
		http.NotFound(w, r)
	case last == "cacerts":
		s.ca.Count("cacerts")
		s.cacerts(w, label)
	case last == "csrattrs":
		s.ca.Count("csrattrs")
		s.csrattrs(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *server) hasLabel(label string) bool {
	return slices.ContainsFunc(s.ca.Issuers(), func(i casim.Issuer) bool { return i.ID == label })
}

// cacerts answers with PKCS#7 in base64, in lines that end in CRLF.
func (s *server) cacerts(w http.ResponseWriter, label string) {
	var certs []*x509.Certificate
	for _, i := range s.ca.Issuers() {
		if label == "" || label == i.ID {
			certs = append(append(append(certs, i.Issuing), i.Chain...), i.Root)
		}
	}
	var raw []byte
	for i, c := range certs {
		if !slices.ContainsFunc(certs[:i], c.Equal) {
			raw = append(raw, c.Raw...)
		}
	}
	s.answer(w, raw)
}

// answer writes certificates, one after the other, as certs-only PKCS#7.
func (s *server) answer(w http.ResponseWriter, raw []byte) {
	der, err := pkcs7.DegenerateCertificate(raw)
	if err != nil {
		http.Error(w, "the simulator cannot write its answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/pkcs7-mime")
	w.Header().Set("Content-Transfer-Encoding", "base64")
	_, _ = w.Write(lines(der)) // the client is gone: nobody to tell
}

// lines returns base64 in lines of 76 characters (RFC 2045, 6.8).
func lines(der []byte) []byte {
	const width = 76
	var out []byte
	for part := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(der)), width) {
		out = append(append(out, part...), "\r\n"...)
	}
	return out
}

// csrattrs asks for a login, and then has no attributes to ask for.
func (s *server) csrattrs(w http.ResponseWriter, r *http.Request) {
	if s.admits(w, r) {
		w.WriteHeader(http.StatusNoContent)
	}
}

// admits asks for a password or a client certificate.
func (s *server) admits(w http.ResponseWriter, r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	want := s.ca.Login()
	right := ok && user == want.User && subtle.ConstantTimeCompare([]byte(password), []byte(want.Password)) == 1
	if byCertificate := r.TLS != nil && len(r.TLS.VerifiedChains) > 0 && !ok; !right && !byCertificate {
		w.Header().Set("WWW-Authenticate", `Basic realm="simulated EST server"`)
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
		return false
	}
	return true
}

// maxRequest bounds a request in bytes.
const maxRequest = 64 << 10

// PendingSeconds is when a device is to ask again for what waits for approval.
const PendingSeconds = 90

// enrol answers with the certificate alone (RFC 7030, 4.2.3). Without a label
// the CA of users issues.
func (s *server) enrol(w http.ResponseWriter, r *http.Request, label string) {
	if !s.admits(w, r) {
		return
	}
	if r.Header.Get("Content-Type") != "application/pkcs10" {
		http.Error(w, "a request is application/pkcs10", http.StatusUnsupportedMediaType)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		http.Error(w, "the request breaks off", http.StatusBadRequest)
		return
	}
	csr, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(body)), ""))
	if err != nil {
		http.Error(w, "the request is not base64", http.StatusBadRequest)
		return
	}
	switch out, err := s.ca.Submit(csr, cmp.Or(label, "user")); {
	case err != nil || out.Refused:
		http.Error(w, "the request is refused", http.StatusBadRequest)
	case out.Pending != "":
		w.Header().Set("Retry-After", strconv.Itoa(PendingSeconds))
		http.Error(w, "the request waits for approval", http.StatusAccepted)
	default:
		s.answer(w, out.Issued.DER)
	}
}

func (s *server) crl(w http.ResponseWriter, issuer string) {
	if !s.hasLabel(issuer) {
		http.Error(w, "no such list", http.StatusNotFound)
		return
	}
	der, err := s.ca.CRL(issuer)
	if err != nil {
		http.Error(w, "the simulator cannot sign its list", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/pkix-crl")
	_, _ = w.Write(der)
}
