package issuer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"cloudpki/internal/auth/issuer"
	"cloudpki/internal/secret"
)

func TestLoadOrCreateKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "issuer.key")
	made, err := issuer.LoadOrCreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v; want 0600", info.Mode(), err)
	}
	loaded, err := issuer.LoadOrCreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if key, ok := made.(*rsa.PrivateKey); !ok || !key.Equal(loaded) || key.N.BitLen() != 2048 {
		t.Errorf("the second call returns another key, or not RSA-2048")
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("folder holds %v, error %v; want the key alone", entries, err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := issuer.LoadOrCreateKey(path); !errors.Is(err, secret.ErrKeyPermissions) {
		t.Errorf("readable by the group: %v", err)
	}
}

func TestLoadOrCreateKeyByManyProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "issuer.key")
	keys := make([]*rsa.PrivateKey, 4)
	var all sync.WaitGroup
	for n := range keys {
		all.Go(func() {
			signer, err := issuer.LoadOrCreateKey(path)
			if err != nil {
				t.Error(err)
				return
			}
			keys[n], _ = signer.(*rsa.PrivateKey)
		})
	}
	all.Wait()
	for _, k := range keys {
		if !keys[0].Equal(k) {
			t.Fatal("not all got the same key")
		}
	}
}

func TestLoadOrCreateKeyRefuses(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	for content, want := range map[string]string{
		"":                                "not a PKCS #8 key",
		"hello":                           "not a PKCS #8 key",
		block("RSA PRIVATE KEY", der):     "not a PKCS #8 key",
		block("PRIVATE KEY", []byte("x")): "readable private key",
		block("PRIVATE KEY", der):         "not hold an RSA key",
	} {
		path := filepath.Join(t.TempDir(), "issuer.key")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := issuer.LoadOrCreateKey(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", content, err, want)
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != content {
			t.Errorf("the file was changed to %q (%v)", now, err)
		}
	}
	if _, err := issuer.LoadOrCreateKey(filepath.Join(t.TempDir(), "missing", "issuer.key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such folder: %v", err)
	}
}

func TestNewSecret(t *testing.T) {
	if a, b := issuer.NewSecret(), issuer.NewSecret(); string(a.Reveal()) == string(b.Reveal()) || len(a.Reveal()) != 52 {
		t.Error("secrets repeat or are short")
	}
}
