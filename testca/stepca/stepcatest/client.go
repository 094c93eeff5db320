package stepcatest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"testing"
	"time"

	"cloudpki/internal/casim/stepcaconfig"
)

// Issue has the CA issue a certificate for the DNS name cn, with a new key that
// is thrown away.
func (c *CA) Issue(t testing.TB, cn string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: cn}, DNSNames: []string{cn}}, key)
	if err != nil {
		t.Fatal(err)
	}
	token, err := c.files.token(c.URL()+"/1.0/sign", cn, map[string]any{"sans": []string{cn}})
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Certificate string `json:"crt"`
	}
	c.post(t, "/1.0/sign", map[string]any{
		"csr": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})),
		"ott": token,
	}, &answer)
	block, _ := pem.Decode([]byte(answer.Certificate))
	if block == nil {
		t.Fatalf("step-ca issued no PEM but %q", answer.Certificate)
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

// Revoke revokes a certificate of the CA for a reason of RFC 5280, 5.3.1.
func (c *CA) Revoke(t testing.TB, cert *x509.Certificate, reason int) {
	t.Helper()
	serial := cert.SerialNumber.String()
	token, err := c.files.token(c.URL()+"/1.0/revoke", serial, nil)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Status string `json:"status"`
	}
	c.post(t, "/1.0/revoke", map[string]any{"serial": serial, "ott": token, "reasonCode": reason, "passive": true}, &answer)
	if answer.Status != "ok" {
		t.Fatalf("step-ca answers a revocation with status %q", answer.Status)
	}
}

func (c *CA) post(t testing.TB, path string, body, answer any) {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.URL()+path, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	got, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		t.Fatalf("step-ca answers %s with HTTP %d: %s", path, resp.StatusCode, got)
	}
	if err := json.Unmarshal(got, answer); err != nil {
		t.Fatal(err)
	}
}

// token returns the one-time JWT (RFC 7519, ES256) by which step-ca lets its
// provisioner call audience once on behalf of subject.
func (f Files) token(audience, subject string, claims map[string]any) (string, error) {
	key, err := stepcaconfig.PublicJWK(&f.Provisioner.PublicKey)
	if err != nil {
		return "", err
	}
	now := time.Now()
	all := map[string]any{
		"iss": stepcaconfig.ProvisionerName, "aud": audience, "sub": subject, "jti": rand.Text(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}
	maps.Copy(all, claims)
	header, err := json.Marshal(map[string]string{"alg": "ES256", "typ": "JWT", "kid": key["kid"]})
	if err != nil {
		return "", fmt.Errorf("encode token: %w", err)
	}
	payload, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("encode token: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode(header) + "." + encode(payload)
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, f.Provisioner, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	signature := make([]byte, 64) // r and s, 32 bytes each (RFC 7518, 3.4)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + encode(signature), nil
}
