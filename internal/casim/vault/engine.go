package vault

import (
	"crypto/sha256"
	"crypto/x509"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloudpki/internal/casim"

	"github.com/google/uuid"
)

// An issuer is one of the mount's: those of the CA, and the certificates above
// them, which were imported without keys.
type issuer struct {
	id, name string
	key      string // id of the key; "" is none
	simID    string // of casim.Issuer; "" is none
	cert     *x509.Certificate
	chain    []*x509.Certificate // itself first
}

func (s *Server) issuers() []issuer {
	var list []issuer
	add := func(name, simID string, chain []*x509.Certificate) {
		i := issuer{id: idOf(chain[0].Raw), name: name, simID: simID, cert: chain[0], chain: chain}
		if simID != "" {
			i.key = idOf(chain[0].RawSubjectPublicKeyInfo)
		}
		if !slices.ContainsFunc(list, func(j issuer) bool { return j.id == i.id }) {
			list = append(list, i)
		}
	}
	for _, i := range s.ca.Issuers() {
		chain := append([]*x509.Certificate{i.Issuing}, i.Chain...)
		if !s.opts.Foreign {
			chain = append(chain, i.Root)
		}
		add(i.ID+"-ca", i.ID, chain)
		for n := range chain[1:] {
			add("", "", chain[n+1:])
		}
	}
	return list
}

// idOf makes the id of an issuer or a key, which is a UUID.
func idOf(b []byte) string {
	sum := sha256.Sum256(b)
	return uuid.UUID(sum[:16]).String()
}

func (s *Server) find(reference string) (issuer, bool) {
	list := s.issuers()
	if reference == "default" {
		return list[0], true
	}
	i := slices.IndexFunc(list, func(i issuer) bool { return reference == i.id || reference == i.name })
	if i < 0 {
		return issuer{}, false
	}
	return list[i], true
}

func (s *Server) engine() {
	const at = "GET /v1/" + Mount + "/"
	s.handle(at+"certs", "certs", false, s.listed(s.certs))
	s.handle(at+"cert/{serial}", "cert", true, s.cert)
	if !s.opts.NoRevoked {
		s.handle(at+"certs/revoked", "revoked", false, s.listed(func(w http.ResponseWriter, _ *http.Request) {
			keys(w, serials(s.ca.Inventory(), func(i casim.Issued) bool { return i.Status == "REVOKED" }), nil)
		}))
	}
	s.handle(at+"crl", "crl", true, s.crl)
	s.handle(at+"ca_chain", "ca_chain", true, s.caChain)
	s.handle(at+"ca/pem", "ca", true, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		_, _ = w.Write([]byte(encode(s.issuers()[0].cert))) // the client is gone: nobody to tell
	})
	if s.opts.NoIssuers {
		return
	}
	s.handle(at+"issuers", "issuers", true, s.listed(s.listIssuers))
	s.handle(at+"issuer/{ref}", "issuer", false, s.issuer)
	s.handle(at+"issuer/{ref}/json", "issuer", true, s.issuer)
	s.handle(at+"issuer/{ref}/crl/der", "crl", true, s.crl)
}

// listed refuses what is not asked for as a list: these paths know nothing else.
func (s *Server) listed(do http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("list") != "true" {
			refuse(w, http.StatusMethodNotAllowed, "1 error occurred:\n\t* unsupported operation\n\n")
			return
		}
		do(w, r)
	}
}

func (s *Server) listIssuers(w http.ResponseWriter, _ *http.Request) {
	list := s.issuers()
	var ids []string
	info := map[string]any{}
	for n, i := range list {
		ids = append(ids, i.id)
		info[i.id] = map[string]any{"issuer_name": i.name, "is_default": n == 0}
	}
	slices.Sort(ids)
	keys(w, ids, info)
}

func (s *Server) issuer(w http.ResponseWriter, r *http.Request) {
	i, ok := s.find(r.PathValue("ref"))
	if !ok {
		refuse(w, http.StatusInternalServerError, "1 error occurred:\n\t* unable to find PKI issuer for reference: "+r.PathValue("ref")+"\n\n")
		return
	}
	var chain []string
	for _, c := range i.chain {
		chain = append(chain, encode(c)+"\n")
	}
	data := map[string]any{"certificate": encode(i.cert) + "\n", "ca_chain": chain, "issuer_id": i.id, "issuer_name": i.name}
	if !strings.HasSuffix(r.URL.Path, "/json") {
		data["key_id"], data["revoked"], data["usage"] = i.key, false, "crl-signing,issuing-certificates,ocsp-signing,read-only"
	}
	answer(w, data)
}

func (s *Server) caChain(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/pkix-cert")
	for _, c := range s.issuers()[0].chain {
		_, _ = w.Write([]byte(encode(c) + "\n")) // the client is gone: nobody to tell
	}
}

func (s *Server) crl(w http.ResponseWriter, r *http.Request) {
	ref := r.PathValue("ref")
	if ref == "" {
		ref = "default"
	}
	i, ok := s.find(ref)
	if !ok || i.simID == "" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	der, err := s.ca.CRL(i.simID)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/pkix-crl")
	_, _ = w.Write(der) // the client is gone: nobody to tell
}

// certs lists serial numbers, sorted as they are stored, and with them those of
// roots: the mount has made its root itself.
func (s *Server) certs(w http.ResponseWriter, r *http.Request) {
	list := serials(s.ca.Inventory(), nil)
	for _, i := range s.issuers() {
		if len(i.chain) == 1 && !s.opts.Foreign {
			list = append(list, spell(i.cert.SerialNumber.Text(16)))
		}
	}
	slices.Sort(list)
	if s.opts.Paging {
		after, limit := r.URL.Query().Get("after"), r.URL.Query().Get("limit")
		list = slices.DeleteFunc(list, func(k string) bool { return strings.ReplaceAll(k, ":", "-") <= after })
		if n, err := strconv.Atoi(limit); err == nil && n > 0 && n < len(list) {
			list = list[:n]
		}
	}
	keys(w, list, nil)
}

func serials(list []casim.Issued, keep func(casim.Issued) bool) []string {
	out := []string{}
	for _, i := range list {
		if keep == nil || keep(i) {
			out = append(out, spell(i.Serial))
		}
	}
	slices.Sort(out)
	return out
}

// spell writes a serial number as Vault does: pairs of digits between colons.
func spell(serial string) string {
	if len(serial)%2 == 1 {
		serial = "0" + serial
	}
	var b strings.Builder
	for i := 0; i < len(serial); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(serial[i : i+2])
	}
	return b.String()
}

func (s *Server) cert(w http.ResponseWriter, r *http.Request) {
	key := strings.NewReplacer(":", "", "-", "").Replace(strings.ToLower(r.PathValue("serial")))
	if strings.Trim(key, "0123456789abcdef") != "" {
		refuse(w, http.StatusNotFound, "unsupported path")
		return
	}
	i, ok := s.ca.Find(strings.TrimLeft(key, "0"))
	if !ok {
		refuse(w, http.StatusNotFound)
		return
	}
	data := map[string]any{"certificate": encodeDER(i.DER), "revocation_time": 0, "revocation_time_rfc3339": ""}
	if i.Status == "REVOKED" {
		data["revocation_time"] = i.RevokedAt.Unix()
		data["revocation_time_rfc3339"] = i.RevokedAt.UTC().Format(time.RFC3339Nano)
	}
	answer(w, data)
}
