// Package trust writes sets of trusted certificates as bytes that devices
// read: one file per format. It knows neither where certificates come from nor
// how the bytes travel.
//
//	ext             holds                   defined by
//	pem             roots                   RFC 7468
//	cer             the one root            RFC 5280
//	p7b             roots, intermediates    RFC 8551 (certs-only)
//	p12             roots                   RFC 7292, Oracle's trusted attribute
//	jks             roots                   OpenJDK, sun.security.provider.JavaKeyStore
//	mobileconfig    roots, intermediates    Apple, configuration profiles; CMS if signed
//	syncml          roots, intermediates    OMA DM 1.2, [MS-MDE2] 2.2.9.4
//	intune.json     roots, intermediates    Microsoft Graph, deviceConfiguration
//	onc             roots, intermediates    Chromium, Open Network Configuration
//	configmap.yaml  roots                   Kubernetes v1
//	bundle.yaml     roots                   trust-manager v1alpha1
//	spiffe.json     roots                   SPIFFE Trust Domain and Bundle, section 4
//	manifest.json   what the others hold    this package
//	manifest.jws    the same, signed        RFC 7515
//
// Names in certificates are hostile: they are escaped, or left out where a
// format would take them for its own.
package trust

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrEmpty is the error of a bundle without roots: to many consumers an empty
// set means that everything was revoked, so none is ever written.
var ErrEmpty = errors.New("the bundle has no root")

// A Bundle is a named set of certificates that devices are to trust.
type Bundle struct {
	Tenant  string    // id of the tenant; part of stable identifiers
	Name    string    // of the set, unique in the tenant: A-Za-z0-9 and -._~
	Version int64     // grows with each change of the content, from 1
	Changed time.Time // when this version was made, UTC

	Roots         []*x509.Certificate // trust anchors; see Sorted
	Intermediates []*x509.Certificate // for formats that keep them apart from roots; often none
}

// Options are what a bundle may be written with.
type Options struct {
	Password string  // of truststores; "" is the format's own default, which its doc comment names
	Signer   *Signer // nil leaves unsigned what may be unsigned
}

// A Format is one way to write a bundle.
type Format struct {
	Ext       string // of the published address, without dot: "pem"
	MediaType string // of the answer
	Doc       string // for whom it is, in one sentence
	Signable  bool   // whether Options.Signer is of consequence
	Signed    bool   // whether it is nothing without Options.Signer

	// Write returns the bytes. The same bundle and options give the same bytes
	// in every process. The error is ErrEmpty, or tells why this
	// bundle cannot be written so: ErrSeveralRoots, ErrTooLarge, ErrNoSigner,
	// or a root with a key that the format does not know.
	Write func(Bundle, Options) ([]byte, error)
}

// Formats returns all formats in the order in which they are listed.
func Formats() []Format {
	return []Format{
		PEM(),
		DER(),
		PKCS7(),
		PKCS12(),
		JKS(),
		MobileConfig(),
		SyncML(),
		Intune(),
		ONC(),
		ConfigMap(),
		CertManagerBundle(),
		SPIFFE(),
		Manifest(),
		SignedManifest(),
	}
}

// Lookup returns the format with the extension.
func Lookup(ext string) (Format, bool) {
	list := Formats()
	if i := slices.IndexFunc(list, func(f Format) bool { return f.Ext == ext }); i >= 0 {
		return list[i], true
	}
	return Format{}, false
}

// Sorted returns certificates in the order of their SHA-256, each once: the
// same set gives the same bytes, however it came.
func Sorted(list []*x509.Certificate) []*x509.Certificate {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b *x509.Certificate) int {
		x, y := sha256.Sum256(a.Raw), sha256.Sum256(b.Raw)
		return bytes.Compare(x[:], y[:])
	})
	return slices.CompactFunc(sorted, func(a, b *x509.Certificate) bool { return bytes.Equal(a.Raw, b.Raw) })
}

// intermediates returns the sorted intermediates that are not roots as well.
func (b Bundle) intermediates() []*x509.Certificate {
	return slices.DeleteFunc(Sorted(b.Intermediates), func(c *x509.Certificate) bool {
		return slices.ContainsFunc(b.Roots, c.Equal)
	})
}

// check returns ErrEmpty for a bundle that must not be written.
func (b Bundle) check() error {
	if len(b.Roots) == 0 {
		return fmt.Errorf("write bundle %s: %w", b.Name, ErrEmpty)
	}
	return nil
}
