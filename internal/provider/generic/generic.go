// Package generic subscribes to any CA that publishes its certificates and
// revocation lists as files: PEM, DER or certs-only PKCS#7 for the certificates
// (RFC 5280, 4.2.2.1 calls them CA issuers), and CRLs (RFC 5280, 5).
//
// There is no inventory, and no login. Revocations are known by the CRLs.
package generic

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/published"
)

// The settings.
const (
	settingRoots        = "rootUrls"
	settingChain        = "chainUrls"
	settingCRLs         = "crlUrls"
	settingFingerprints = "rootFingerprints"
)

const memberServerCAs = "serverCertificateAuthorities"

// maxFingerprints bounds the setting rootFingerprints.
const maxFingerprints = 16

// Kind returns plain files as a kind of CA. serviceUri may be left out; where it
// is set, the settings can name paths below it.
func Kind() provider.Kind {
	return provider.Kind{
		Name:  "generic",
		Title: "Any CA, by the addresses of its files",
		Settings: []provider.Setting{
			{
				Name: settingRoots, Required: true, Type: provider.SettingList,
				Doc:     "Addresses of the root certificates (PEM, DER, P7B), with commas between: https, or paths below serviceUri.",
				Example: "https://pki.example.com/root.crt",
				Check:   checkRequired,
			},
			{
				Name:    settingChain,
				Type:    provider.SettingList,
				Doc:     "Addresses of the issuing and intermediate certificates (PEM, DER, P7B), with commas between.",
				Example: "https://pki.example.com/issuing.p7b",
				Check:   published.CheckAddresses,
			},
			{
				Name:    settingCRLs,
				Type:    provider.SettingList,
				Doc:     "Addresses of the revocation lists (DER or PEM), with commas between; https alone.",
				Example: "https://pki.example.com/issuing.crl",
				Check:   published.CheckAddresses,
			},
			{
				Name:    settingFingerprints,
				Type:    provider.SettingList,
				Doc:     "SHA-256 fingerprints of the roots to take, with commas between; others in the files are passed over. Without it all are taken.",
				Example: "b9f8b5e1a7f2d9c4433b4d8e8a1c6a0f6a3d2f7ce31a2a4a5d5be54b0ac1f0d2",
				Check:   checkFingerprints,
			},
		},
		Can:      provider.Capabilities{Authorities: true, Revocations: true},
		Validate: validate,
		Open:     open,
	}
}

func checkRequired(value string) error {
	if strings.Trim(value, " ,") == "" {
		return errors.New("is missing; set it to the address of the root certificate, such as https://pki.example.com/root.crt")
	}
	return published.CheckAddresses(value)
}

func checkFingerprints(value string) error {
	_, err := fingerprints(value)
	return err
}

// fingerprints reads the setting; nil takes every root.
func fingerprints(value string) ([][sha256.Size]byte, error) {
	var out [][sha256.Size]byte
	for text := range strings.SplitSeq(value, ",") {
		if strings.TrimSpace(text) == "" {
			continue
		}
		sum, err := provider.ParseFingerprint(text)
		if err != nil {
			return nil, fmt.Errorf("holds in place %d what is no SHA-256 fingerprint of 64 hex digits", len(out)+1)
		}
		out = append(out, sum)
	}
	if len(out) > maxFingerprints {
		return nil, fmt.Errorf("lists %d fingerprints; at most %d are read", len(out), maxFingerprints)
	}
	return out, nil
}

// places are the settings, read.
type places struct {
	roots, chain, crls []*url.URL
	pinned             [][sha256.Size]byte
}

// read reads a configuration and finds its faults.
func read(c provider.Config) (places, []provider.Problem) {
	var p places
	var found []provider.Problem
	add := func(target, msg string) {
		found = append(found, provider.Problem{Target: target, Code: provider.CodeProtocol, Msg: msg})
	}
	var base *url.URL
	if c.ServiceURI != "" {
		var err error
		if base, err = provider.ParseServiceURI(c.ServiceURI); err != nil {
			add("serviceUri", "serviceUri: "+err.Error())
			base = &url.URL{Scheme: "https", Host: "base.invalid", Path: "/"} // so that the paths below it are examined
		}
	}
	for _, s := range []struct {
		name string
		to   *[]*url.URL
	}{{settingRoots, &p.roots}, {settingChain, &p.chain}, {settingCRLs, &p.crls}} {
		var err error
		if *s.to, err = published.Addresses(c.Settings[s.name], base); err != nil {
			add("providerSettings/"+s.name, s.name+" "+err.Error())
		} else if s.name == settingRoots && len(p.roots) == 0 {
			add("providerSettings/"+s.name, s.name+" "+checkRequired("").Error())
		}
	}
	var err error
	if p.pinned, err = fingerprints(c.Settings[settingFingerprints]); err != nil {
		add("providerSettings/"+settingFingerprints, settingFingerprints+" "+err.Error())
		found[len(found)-1].Code = provider.CodeRootInvalid
	}
	if c.ServerCAs != nil {
		if _, err := provider.ParseCertificates(c.ServerCAs); err != nil {
			add(memberServerCAs, memberServerCAs+" holds no readable certificates (PEM or DER)")
			found[len(found)-1].Code = provider.CodeTLSServer
		}
	}
	return p, slices.Clip(found)
}

func validate(c provider.Config) []provider.Problem {
	_, problems := read(c)
	return problems
}

func open(_ context.Context, c provider.Config) (provider.Session, error) {
	p, problems := read(c)
	if len(problems) > 0 {
		return nil, problems[0].Fault()
	}
	client, err := c.Transport.Client(provider.ClientOptions{ServerCAs: c.ServerCAs})
	if err != nil {
		return nil, err
	}
	return &session{places: p, files: published.Reader{Client: client, Now: c.Now}}, nil
}
