package provider

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/secret"

	pkcs12 "software.sslmate.com/src/go-pkcs12"
)

// openssl runs the real tool in dir and fails the test with its words.
func openssl(t testing.TB, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "openssl", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// A pfxSpec says what file OpenSSL is to make.
type pfxSpec struct {
	key      []string // arguments of "req -newkey"; nil is EC P-256
	ext      []string // extensions of the certificate
	days     string
	password string
	export   []string // further arguments of "pkcs12 -export"
	chain    bool     // put another certificate into the file as well
}

func makePFX(t testing.TB, s pfxSpec) secret.Text {
	t.Helper()
	dir := t.TempDir()
	if s.key == nil {
		s.key = []string{"ec", "-pkeyopt", "ec_paramgen_curve:P-256"}
	}
	if s.days == "" {
		s.days = "30"
	}
	args := append([]string{"req", "-x509", "-nodes", "-subj", "/CN=ra.example/O=Example", "-days", s.days, "-keyout", "k.pem", "-out", "c.pem", "-newkey"}, s.key...)
	for _, e := range s.ext {
		args = append(args, "-addext", e)
	}
	openssl(t, dir, args...)
	export := []string{"pkcs12", "-export", "-inkey", "k.pem", "-in", "c.pem", "-out", "f.p12", "-passout", "pass:" + s.password}
	if s.chain {
		openssl(t, dir, "req", "-x509", "-nodes", "-subj", "/CN=Other", "-keyout", "k2.pem", "-out", "c2.pem", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
		export = append(export, "-certfile", "c2.pem")
	}
	openssl(t, dir, append(export, s.export...)...)
	b, err := os.ReadFile(filepath.Join(dir, "f.p12"))
	if err != nil {
		t.Fatal(err)
	}
	return secret.New(b)
}

func TestClientCertificateOpensWhatOpenSSLWrites(t *testing.T) {
	tests := []struct {
		name  string
		spec  pfxSpec
		certs int
	}{
		{"modern", pfxSpec{password: "open sesame"}, 1},
		{"RSA with a stranger", pfxSpec{password: "p", key: []string{"rsa:2048"}, chain: true}, 1},
		{"legacy RC2-40", pfxSpec{password: "p", export: []string{"-legacy"}, chain: true}, 1},
		{"legacy 3DES for all", pfxSpec{password: "p", export: []string{"-legacy", "-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES"}}, 1},
		{"AES-128, MAC SHA-512, 100,000 iterations", pfxSpec{password: "p", export: []string{"-certpbe", "AES-128-CBC", "-keypbe", "AES-128-CBC", "-macalg", "sha512", "-iter", "100000"}}, 1},
		{"MAC SHA-1", pfxSpec{password: "p", export: []string{"-macalg", "sha1"}}, 1},
		{"unencrypted", pfxSpec{password: "p", export: []string{"-certpbe", "NONE", "-keypbe", "NONE"}}, 1},
		{"empty password", pfxSpec{}, 1},
		{"empty password, legacy", pfxSpec{export: []string{"-legacy"}}, 1},
		{"password in UTF-8", pfxSpec{password: "Pässwörd-żółć-密码"}, 1},
		{"password in UTF-8, legacy", pfxSpec{password: "Pässwörd-żółć-密码", export: []string{"-legacy"}}, 1},
		{"Ed25519", pfxSpec{password: "p", key: []string{"ed25519"}}, 1},
		{"clientAuth", pfxSpec{password: "p", ext: []string{"extendedKeyUsage=serverAuth,clientAuth", "keyUsage=digitalSignature,keyEncipherment"}}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cert, err := ClientCertificate(makePFX(t, tt.spec), secret.NewString(tt.spec.password), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if len(cert.Certificate) != tt.certs || cert.PrivateKey == nil || cert.Leaf.Subject.CommonName != "ra.example" {
				t.Errorf("got %d certificates, key %T, leaf %v", len(cert.Certificate), cert.PrivateKey, cert.Leaf.Subject)
			}
		})
	}
}

// OpenSSL writes PBMAC1 (RFC 9579) from 3.4 on; the library stands in for it.
func TestClientCertificateOpensPBMAC1(t *testing.T) {
	i := issue(t, issuer{}, func(*x509.Certificate) {})
	pfx, err := pkcs12.Modern2026.Encode(i.key, i.cert, nil, "pass")
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ClientCertificate(secret.New(pfx), secret.NewString("pass"), time.Now())
	if err != nil || !cert.Leaf.Equal(i.cert) {
		t.Errorf("with the right password: %v", err)
	}
	if _, err = ClientCertificate(secret.New(pfx), secret.NewString("Pass"), time.Now()); err == nil || !strings.Contains(err.Error(), memberPassword) {
		t.Errorf("with a wrong password: %v", err)
	}
}

func TestClientCertificateRefuses(t *testing.T) {
	good := makePFX(t, pfxSpec{password: "right"})
	tests := []struct {
		name     string
		pfx      secret.Text
		password string
		code     Code
		says     string
	}{
		{"nothing", secret.Text{}, "", CodeCredentialInvalid, "authenticationCertificate is missing"},
		{"text", secret.NewString("Authentication Certificate value"), "", CodeCredentialInvalid, "not a PKCS#12 file"},
		{"a PEM file", secret.New(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}})), "", CodeCredentialInvalid, "not a PKCS#12 file"},
		{"truncated", secret.New(good.Reveal()[:len(good.Reveal())-1]), "right", CodeCredentialInvalid, "not a PKCS#12 file"},
		{"trailing bytes", secret.New(append([]byte(nil), append(good.Reveal(), 0)...)), "right", CodeCredentialInvalid, "not a PKCS#12 file"},
		{"indefinite length", secret.New([]byte{0x30, 0x80, 0, 0}), "", CodeCredentialInvalid, "BER"},
		{"wrong password", good, "wrong", CodeCredentialInvalid, "credentials/authenticationCertificatePassword is not the password"},
		{"no password", good, "", CodeCredentialInvalid, "authenticationCertificatePassword"},
		{"password without a BMP encoding", good, "🔑", CodeCredentialInvalid, "authenticationCertificatePassword"},
		{"no MAC", makePFX(t, pfxSpec{password: "p", export: []string{"-nomac"}}), "p", CodeCredentialInvalid, "has no MAC"},
		{"no key", makePFX(t, pfxSpec{password: "p", export: []string{"-nokeys"}}), "p", CodeCredentialInvalid, "no private key"},
		{"not for clients", makePFX(t, pfxSpec{password: "p", ext: []string{"extendedKeyUsage=serverAuth"}}), "p", CodeCredentialInvalid, "clientAuth"},
		{"not for signatures", makePFX(t, pfxSpec{password: "p", ext: []string{"keyUsage=keyEncipherment"}}), "p", CodeCredentialInvalid, "digitalSignature"},
		{"600,001 iterations", makePFX(t, pfxSpec{password: "p", export: []string{"-iter", "600001"}}), "p", CodeCredentialInvalid, "600001 iterations"},
		{"sum of iterations", makePFX(t, pfxSpec{password: "p", export: []string{"-iter", "400000"}}), "p", CodeCredentialInvalid, "in all"},
		{"too large", secret.New(make([]byte, 10<<20)), "", CodeCredentialInvalid, "larger than"},
		{"RSA of 16384 bits", secret.New(withHugeKeyBag(t)), "p", CodeCredentialInvalid, "8192 bits"},
		{"two keys", secret.New(withTwoKeys(t, good)), "right", CodeCredentialInvalid, "two private keys"},
		{"2^31 iterations of the MAC", secret.New(withMACIterations(t, good, 1<<31)), "right", CodeCredentialInvalid, "iterations"},
		{"0 iterations of the MAC", secret.New(withMACIterations(t, good, 0)), "right", CodeCredentialInvalid, "iterations"},
		{"a hidden key of 2^31 iterations", secret.New(withHiddenKey(t, good, "right", 1<<31)), "right", CodeCredentialInvalid, "hides a second key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			begun := time.Now()
			_, err := ClientCertificate(tt.pfx, secret.NewString(tt.password), time.Now())
			var e *Error
			if !errors.As(err, &e) || e.Code != tt.code || !strings.Contains(e.Msg, tt.says) {
				t.Errorf("got %v, want %s ... %q", err, tt.code, tt.says)
			}
			if took := time.Since(begun); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
			if tt.password != "" && tt.password != "p" && err != nil && strings.Contains(err.Error(), `"`+tt.password) {
				t.Errorf("the password is in %q", err)
			}
		})
	}
}

// The decoder must refuse a second key before it derives anything for it: that
// is what bounds the work of a key no one can see.
func TestHiddenKeyIsNotDerived(t *testing.T) {
	pfx := secret.New(withHiddenKey(t, makePFX(t, pfxSpec{password: "p"}), "p", 1<<31))
	_, err := ClientCertificate(pfx, secret.NewString("p"), time.Now())
	var e *Error
	if !errors.As(err, &e) || e.Err == nil || !strings.Contains(e.Err.Error(), "expected exactly one key bag") {
		t.Errorf("got %v, cause %v", err, errors.Unwrap(err))
	}
}

func TestClientCertificateKnowsItsTime(t *testing.T) {
	pfx, password := makePFX(t, pfxSpec{password: "p", days: "30"}), secret.NewString("p")
	for _, tt := range []struct {
		days int
		code Code
	}{{0, ""}, {29, ""}, {31, CodeCredentialExpired}, {-1, CodeCredentialInvalid}} {
		_, err := ClientCertificate(pfx, password, time.Now().AddDate(0, 0, tt.days))
		var e *Error
		if errors.As(err, &e); (e == nil) != (tt.code == "") || (e != nil && e.Code != tt.code) {
			t.Errorf("%d days from now: %v, want %q", tt.days, err, tt.code)
		}
	}
	wantNotYet(t, pfx, password)
	info, err := Inspect(pfx, password)
	if err != nil {
		t.Fatal(err)
	}
	if info.Subject != "CN=ra.example,O=Example" || info.Issuer != info.Subject || len(info.Thumbprint) != 64 || info.NotAfter.Sub(info.NotBefore) != 30*24*time.Hour {
		t.Errorf("Inspect: %+v", info)
	}
}

// What time alone mends must be tried again: soon where the time is near.
func wantNotYet(t *testing.T, pfx, password secret.Text) {
	t.Helper()
	info, err := Inspect(pfx, password)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		before, after time.Duration
		retry         RetryClass
	}{{5 * time.Minute, 5 * time.Minute, RetryBackOff}, {15 * time.Minute, 15 * time.Minute, RetryBackOff}, {time.Hour, 0, RetryNever}} {
		_, err := ClientCertificate(pfx, password, info.NotBefore.Add(-tt.before))
		var e *Error
		if !errors.As(err, &e) || e.RetryClass() != tt.retry || e.RetryAfter != tt.after {
			t.Errorf("%v before: %v; want %s after %v", tt.before, err, tt.retry, tt.after)
		}
	}
}

func TestClientCertificatePicksTheKeysCertificate(t *testing.T) {
	good := makePFX(t, pfxSpec{password: "p", chain: true})
	key, leaf, rest, err := openPKCS12(good, secret.NewString("p"))
	if err != nil {
		t.Fatal(err)
	}
	got, others, err := pickLeaf(key, []*x509.Certificate{rest[0], leaf})
	if err != nil || !got.Equal(leaf) || len(others) != 1 {
		t.Errorf("got %v, %d others, %v", got.Subject, len(others), err)
	}
	if _, _, err := pickLeaf(key, rest); err == nil || !strings.Contains(err.Error(), "none of them belongs to the key") {
		t.Errorf("key without certificate: %v", err)
	}
}

// The MAC would keep every changed file from the decoder, so it is passed over
// as a hostile customer can; what asks for much work is left out for speed.
func FuzzClientCertificate(f *testing.F) {
	for _, s := range []pfxSpec{
		{password: "p", export: []string{"-iter", "1"}},
		{password: "p", export: []string{"-legacy", "-iter", "1"}},
		{export: []string{"-iter", "1"}},
		{password: "p", export: []string{"-certpbe", "NONE", "-keypbe", "NONE", "-iter", "1"}},
	} {
		f.Add(makePFX(f, s).Reveal(), s.password)
	}
	f.Fuzz(func(t *testing.T, pfx []byte, password string) {
		file, err := parsePKCS12(pfx)
		if err == nil && file.work > 100 {
			return
		}
		if err == nil {
			encoded, _ := bmpString(password)
			if key, leaf, _, err := file.decode(encoded, password); err == nil && (key == nil || leaf == nil) {
				t.Error("a success without certificate or key")
			}
		}
		_, err = ClientCertificate(secret.New(pfx), secret.NewString(password), time.Now())
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("not an *Error: %v", err)
		}
	})
}

// remade returns the file f with its MAC made anew for password, as a hostile
// customer can.
func remade(t *testing.T, b []byte, password string, change func(f *pkcs12File)) []byte {
	t.Helper()
	f, err := parsePKCS12(b)
	if err != nil {
		t.Fatal(err)
	}
	change(f)
	encoded, _ := bmpString(password)
	out, err := f.reordered(encoded)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func withTwoKeys(t *testing.T, pfx secret.Text) []byte {
	return remade(t, pfx.Reveal(), "right", func(f *pkcs12File) { f.bags = append(f.bags, f.key) })
}

func withMACIterations(t *testing.T, pfx secret.Text, n int) []byte {
	var pdu pfxPDU
	if _, err := asn1.Unmarshal(pfx.Reveal(), &pdu); err != nil {
		t.Fatal(err)
	}
	pdu.MacData.Iterations = n
	return marshal(t, pdu)
}

func withHugeKeyBag(t *testing.T) []byte {
	return remade(t, makePFX(t, pfxSpec{password: "p"}).Reveal(), "p", func(f *pkcs12File) {
		f.key = asn1.RawValue{FullBytes: marshal(t, struct {
			ID    asn1.ObjectIdentifier
			Value asn1.RawValue
		}{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 1}, asn1.RawValue{Class: 2, Tag: 0, IsCompound: true, Bytes: make([]byte, 9400)}})}
	})
}

// withHiddenKey puts a key bag that asks for n iterations into the encrypted
// safe of the file, where it cannot be seen before decryption.
func withHiddenKey(t *testing.T, pfx secret.Text, password string, n int) []byte {
	return remade(t, pfx.Reveal(), password, func(f *pkcs12File) {
		key := encryptedKey{Ciphertext: make([]byte, 32)}
		key.Algorithm.Algorithm = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 3}
		key.Algorithm.Parameters.FullBytes = marshal(t, pbeParams{Salt: []byte("saltsalt"), Iterations: n})
		bag := struct {
			ID    asn1.ObjectIdentifier
			Value asn1.RawValue
		}{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}, asn1.RawValue{Class: 2, Tag: 0, IsCompound: true, Bytes: marshal(t, key)}}
		safe := marshal(t, []asn1.RawValue{{FullBytes: marshal(t, bag)}})
		f.encrypted = []asn1.RawValue{{FullBytes: encryptedSafe(t, safe, password)}}
	})
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(fmt.Errorf("marshal %T: %w", v, err))
	}
	return b
}
