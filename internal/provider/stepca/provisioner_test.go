package stepca_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// password opens the keys of the simulator's provisioners.
const password = "provisioner pass phrase"

// provision adds a JWK provisioner whose key is encrypted as `step ca init` does.
func (s *simulator) provision(t testing.TB, name, password string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := "kid of " + name
	public, err := json.Marshal(jose.JSONWebKey{Key: key.Public(), KeyID: id, Use: "sig", Algorithm: "ES256"})
	if err != nil {
		t.Fatal(err)
	}
	s.keys[name] = &key.PublicKey
	s.provisioners = append(s.provisioners, map[string]any{
		"type": "JWK", "name": name, "key": json.RawMessage(public), "encryptedKey": encrypted(t, jose.JSONWebKey{Key: key, KeyID: id}, password),
	})
}

// encrypted returns a value as a JWE under a password.
func encrypted(t testing.TB, v any, password string) string {
	t.Helper()
	plain, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	to := jose.Recipient{Algorithm: jose.PBES2_HS256_A128KW, Key: []byte(password), PBES2Count: 1000}
	encrypter, err := jose.NewEncrypter(jose.A256GCM, to, (&jose.EncrypterOptions{}).WithContentType("jwk+json"))
	if err != nil {
		t.Fatal(err)
	}
	object, err := encrypter.Encrypt(plain)
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// giveProvisioners lists one on a page, after one of another type.
func (s *simulator) giveProvisioners(w http.ResponseWriter, r *http.Request) {
	at := 0
	if cursor := r.URL.Query().Get("cursor"); cursor != "" {
		at, _ = strconv.Atoi(cursor) // the provider's own
	}
	page := map[string]any{"provisioners": []any{map[string]any{"type": "ACME", "name": "ops"}, s.provisioners[at]}}
	if at+1 < len(s.provisioners) {
		page["nextCursor"] = strconv.Itoa(at + 1)
	}
	answer(http.StatusOK, page)(w, r)
}

// A token is what the CA looks at of one.
type token struct {
	Issuer    string   `json:"iss"`
	Audience  string   `json:"aud"`
	Subject   string   `json:"sub"`
	SANs      []string `json:"sans"`
	ID        string   `json:"jti"`
	NotBefore int64    `json:"nbf"`
	Expires   int64    `json:"exp"`
	Confirm   struct {
		Fingerprint string `json:"x5rt#S256"`
	} `json:"cnf"`
}

// verify takes a token once, as authority/authorize.go does.
func (s *simulator) verify(r *http.Request, ott string) (token, error) {
	var c token
	signed, err := jose.ParseSigned(ott, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &c); err != nil {
		return c, err
	}
	key, ok := s.keys[c.Issuer]
	if !ok || signed.Signatures[0].Header.KeyID != "kid of "+c.Issuer {
		return c, errors.New("provisioner not found")
	}
	if _, err := signed.Verify(key); err != nil {
		return c, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().Unix()
	switch {
	case c.Audience != "https://"+r.Host+r.URL.Path || c.Subject == "" || c.NotBefore > now || c.Expires < now:
		return c, fmt.Errorf("claims %+v", c)
	case c.ID == "" || s.used[c.ID]:
		return c, errors.New("token already used")
	}
	s.used[c.ID] = true
	return c, nil
}

const unauthorized = "The request lacked necessary authorization to be completed. Please see the certificate authority logs for more info."

// signs answers POST /1.0/sign.
func (s *simulator) signs(t testing.TB, w http.ResponseWriter, r *http.Request) {
	var body struct{ CSR, OTT string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		fault(http.StatusBadRequest, "error reading request body")(w, r)
		return
	}
	c, err := s.verify(r, body.OTT)
	if err != nil {
		fault(http.StatusUnauthorized, unauthorized)(w, r)
		return
	}
	block, _ := pem.Decode([]byte(body.CSR))
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	sum := sha256.Sum256(block.Bytes)
	if err != nil || !slices.Equal(c.SANs, csr.DNSNames) || c.Confirm.Fingerprint != base64.RawURLEncoding.EncodeToString(sum[:]) {
		fault(http.StatusForbidden, "certificate request does not contain the valid DNS names")(w, r)
		return
	}
	names := c.SANs
	if len(names) == 0 {
		names = []string{c.Subject}
	}
	leaf := &issuer{cert: s.intermediate.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: c.Subject}, DNSNames: names}, csr.PublicKey)}
	answer(http.StatusCreated, map[string]any{"crt": encode(leaf.cert), "ca": encode(s.intermediate.cert), "certChain": []string{encode(leaf.cert), encode(s.intermediate.cert)}})(w, r)
}

// revokes answers POST /1.0/revoke.
func (s *simulator) revokes(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Serial, OTT string
		ReasonCode  int
		Passive     bool
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || !body.Passive {
		fault(http.StatusNotImplemented, "non-passive revocation not implemented")(w, r)
		return
	}
	serial, ok := new(big.Int).SetString(body.Serial, 10)
	c, err := s.verify(r, body.OTT)
	switch {
	case err != nil:
		fault(http.StatusUnauthorized, unauthorized)(w, r)
	case !ok || c.Subject != body.Serial:
		fault(http.StatusForbidden, "request serial number and token subject do not match")(w, r)
	case !s.revoke(serial, body.ReasonCode):
		fault(http.StatusBadRequest, "certificate with serial number '"+body.Serial+"' is already revoked")(w, r)
	default:
		answer(http.StatusOK, map[string]string{"status": "ok"})(w, r)
	}
}

// revoke puts a certificate on the CRL, where it is not there yet.
func (s *simulator) revoke(serial *big.Int, reason int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.revoked {
		if e.SerialNumber.Cmp(serial) == 0 {
			return false
		}
	}
	s.revoked = append(s.revoked, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: time.Now(), ReasonCode: reason})
	return true
}

// giveCRL answers as a CA that makes a list at the first revocation.
func (s *simulator) giveCRL(t testing.TB, w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.revoked == nil {
		fault(http.StatusNotFound, "The certificate authority received an unexpected HTTP status code - '404'.")(w, r)
		return
	}
	raw(http.StatusOK, s.intermediate.crl(t, x509.RevocationList{RevokedCertificateEntries: s.revoked}))(w, r)
}
