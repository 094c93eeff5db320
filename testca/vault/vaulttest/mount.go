package vaulttest

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
)

// A Mount is a PKI engine with a role "web" that issues for any name.
type Mount struct {
	Name string
	CA   *x509.Certificate // what it issues with

	vault *Vault
}

// Root mounts an engine that has made its own root.
func (v *Vault) Root(t testing.TB, name string) *Mount {
	t.Helper()
	m := v.mount(t, name)
	made := v.Must(t, http.MethodPost, name+"/root/generate/internal", map[string]any{
		"common_name": "Root of " + name, "key_type": "ec", "key_bits": 256, "ttl": "87600h", "issuer_name": "root-1",
	})
	m.CA = certificate(t, made.Text("certificate"))
	return m
}

// Below mounts an engine whose CA m has signed. withRoot says whether the
// engine is told the certificate of m too.
func (m *Mount) Below(t testing.TB, name string, withRoot bool) *Mount {
	t.Helper()
	below := m.vault.mount(t, name)
	request := m.vault.Must(t, http.MethodPost, name+"/intermediate/generate/internal", map[string]any{"common_name": "CA of " + name, "key_type": "ec", "key_bits": 256})
	signed := m.vault.Must(t, http.MethodPost, m.Name+"/root/sign-intermediate", map[string]any{"csr": request.Text("csr"), "ttl": "43800h", "format": "pem"})
	bundle := strings.TrimSpace(signed.Text("certificate"))
	if withRoot {
		bundle += "\n" + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.CA.Raw}))
	}
	m.vault.Must(t, http.MethodPost, name+"/intermediate/set-signed", map[string]any{"certificate": bundle})
	below.CA = certificate(t, signed.Text("certificate"))
	return below
}

func (v *Vault) mount(t testing.TB, name string) *Mount {
	t.Helper()
	v.Must(t, http.MethodPost, "sys/mounts/"+name, map[string]any{"type": "pki", "config": map[string]any{"max_lease_ttl": "87600h"}})
	v.Must(t, http.MethodPost, name+"/roles/web", map[string]any{"allow_any_name": true, "key_type": "ec", "key_bits": 256, "max_ttl": "720h"})
	return &Mount{Name: name, vault: v}
}

// Issue issues n certificates and returns their serial numbers: lower-case hex,
// no leading zeros.
func (m *Mount) Issue(t testing.TB, n int) []string {
	t.Helper()
	var serials []string
	for range n {
		issued := m.vault.Must(t, http.MethodPost, m.Name+"/issue/web", map[string]any{"common_name": "host.example.test", "ttl": "240h"})
		serials = append(serials, strings.TrimLeft(strings.ReplaceAll(issued.Text("serial_number"), ":", ""), "0"))
	}
	return serials
}

// Revoke revokes a certificate.
func (m *Mount) Revoke(t testing.TB, serial string) {
	t.Helper()
	m.vault.Must(t, http.MethodPost, m.Name+"/revoke", map[string]any{"serial_number": Key(serial)})
}

// Spoil overwrites a certificate in Vault's storage.
func (m *Mount) Spoil(t testing.TB, serial string) {
	t.Helper()
	mounts := m.vault.Must(t, http.MethodGet, "sys/mounts", nil)
	entry, _ := mounts.Data[m.Name+"/"].(map[string]any)
	id, _ := entry["uuid"].(string)
	m.vault.Must(t, http.MethodPost, "sys/raw/logical/"+id+"/certs/"+Key(serial), map[string]any{"value": "no certificate"})
}

// Key spells a serial number as the storage of Vault does: pairs of digits
// between hyphens.
func Key(serial string) string {
	if len(serial)%2 == 1 {
		serial = "0" + serial
	}
	var pairs []string
	for i := 0; i < len(serial); i += 2 {
		pairs = append(pairs, serial[i:i+2])
	}
	return strings.Join(pairs, "-")
}

func certificate(t testing.TB, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatalf("not PEM: %q", text)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	must(t, err)
	return c
}
