package trust

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
)

// MobileConfig is a configuration profile of Apple (TopLevel.yaml and
// com.apple.security.root.yaml of apple/device-management): one payload for
// each root and intermediate, signed as CMS (RFC 5652) when there is a signer;
// a profile without signature installs as unverified.
//
// A newer version replaces the older one: the identifiers follow from tenant
// and name, and for a payload from the thumbprint too, so that devices leave
// certificates as they are that stay.
func MobileConfig() Format {
	return Format{
		Ext: "mobileconfig", MediaType: "application/x-apple-aspen-config", Signable: true,
		Doc: "A profile for iPhone, iPad, Mac, Apple TV and Apple Watch, signed when there is a signer.", Write: writeMobileConfig,
	}
}

func writeMobileConfig(b Bundle, o Options) ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	profile := mobileConfig(b)
	if o.Signer == nil {
		return profile, nil
	}
	out, err := o.Signer.signCMS(profile, b.Changed)
	if err != nil {
		return nil, fmt.Errorf("sign mobileconfig: %w", err)
	}
	return out, nil
}

// mobileConfig returns the profile as a property list.
func mobileConfig(b Bundle) []byte {
	var w xmlWriter
	w.out.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
`)
	w.open(`plist version="1.0"`)
	w.open("dict")
	identifier := "cloudpki." + b.Tenant + "." + b.Name
	w.entry("PayloadDisplayName", "string", b.Name)
	w.entry("PayloadDescription", "string", fmt.Sprintf("Trusted certificates of %s, version %d", b.Name, b.Version))
	w.entry("PayloadIdentifier", "string", identifier)
	w.entry("PayloadScope", "string", "System")
	w.entry("PayloadType", "string", "Configuration")
	w.entry("PayloadUUID", "string", b.id())
	w.entry("PayloadVersion", "integer", "1")
	w.element("key", "PayloadContent")
	w.open("array")
	for _, c := range Sorted(b.Roots) {
		w.payload(b, "com.apple.security.root", identifier, c)
	}
	for _, c := range b.intermediates() {
		w.payload(b, "com.apple.security.pkcs1", identifier, c)
	}
	w.close("array")
	w.close("dict")
	w.close("plist")
	return w.out.Bytes()
}

// payload writes the dictionary of one certificate.
func (w *xmlWriter) payload(b Bundle, kind, profile string, c *x509.Certificate) {
	sum := thumbprint(c)
	w.open("dict")
	w.entry("PayloadCertificateFileName", "string", sum+".cer")
	w.entry("PayloadContent", "data", base64.StdEncoding.EncodeToString(c.Raw))
	w.entry("PayloadDisplayName", "string", label(c))
	w.entry("PayloadIdentifier", "string", profile+"."+sum)
	w.entry("PayloadType", "string", kind)
	w.entry("PayloadUUID", "string", b.id(sum))
	w.entry("PayloadVersion", "integer", "1")
	w.close("dict")
}

// entry writes a key of a dictionary and its value.
func (w *xmlWriter) entry(key, kind, value string) {
	w.element("key", key)
	w.element(kind, value)
}
