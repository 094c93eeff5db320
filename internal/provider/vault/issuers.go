package vault

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// The bounds of a mount.
const (
	maxIssuers = 128 // each costs a call
	maxPool    = 256 // certificates that chains are made of
)

// An issuer is one of a mount's, as Vault keeps it.
type issuer struct {
	id, name  string // "" where the version has no issuers
	isDefault bool
	keyless   bool // an imported certificate without its key: it signs nothing here
	cert      *x509.Certificate
}

// issuers are all of a mount's.
type issuers struct {
	list []issuer
	pool []*x509.Certificate // theirs, those of their chains and the root that was set, each once

	roots []*x509.Certificate // those of pool that are
	txID  string
}

func (all *issuers) add(c *x509.Certificate) {
	for _, known := range all.pool {
		if known.Equal(c) {
			return
		}
	}
	all.pool = append(all.pool, c)
}

// serials returns those of the issuers, as provider.Record has them.
func (all *issuers) serials() map[string]bool {
	out := make(map[string]bool, len(all.list))
	for _, i := range all.list {
		out[i.cert.SerialNumber.Text(16)] = true
	}
	return out
}

// loadIssuers reads the mount's issuers, once in a session. Vault before 1.11
// has one, and no list of them.
func (s *session) loadIssuers(ctx context.Context) (*issuers, error) {
	if s.issuers != nil {
		return s.issuers, nil
	}
	all := new(issuers)
	if s.root != nil {
		all.add(s.root) // the first, so that it is preferred
	}
	var data struct {
		Keys []string `json:"keys"`
		Info map[string]struct {
			Name      string `json:"issuer_name"`
			IsDefault bool   `json:"is_default"`
		} `json:"key_info"`
	}
	txID, err := s.list(ctx, "issuers", nil, &data)
	switch {
	case isUnknownPath(err):
		err = s.readChain(ctx, all)
	case isForbidden(err):
		err = s.readIssuer(ctx, all, issuer{id: defaultIssuer, isDefault: true})
	case err == nil && len(data.Keys) > maxIssuers:
		err = &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("the mount '%s' has %d issuers; at most %d are read", s.mountName, len(data.Keys), maxIssuers)}
	case err == nil:
		for _, id := range data.Keys {
			if checkName(id) != nil {
				return nil, &provider.Error{Code: provider.CodeParse, Msg: fmt.Sprintf("the mount '%s' lists an issuer whose id is none", s.mountName)}
			}
			if err = s.readIssuer(ctx, all, issuer{id: id, name: data.Info[id].Name, isDefault: data.Info[id].IsDefault}); err != nil {
				break
			}
		}
	}
	if err != nil {
		return nil, err
	}
	if len(all.list) == 0 {
		return nil, &provider.Error{Code: provider.CodeUpstreamFault, Msg: fmt.Sprintf("the mount '%s' of %s has no issuer yet; generate or import one", s.mountName, s.rest.Host())}
	}
	for _, c := range all.pool {
		if provider.IsRoot(c) {
			all.roots = append(all.roots, c)
		}
	}
	all.txID, s.issuers = txID, all
	return all, nil
}

// readIssuer adds one issuer. Whether it has a key is told to those who may
// read the issuer; its certificate and chain are told to all. One that was
// deleted meanwhile is none.
func (s *session) readIssuer(ctx context.Context, all *issuers, i issuer) error {
	var data struct {
		Certificate string   `json:"certificate"`
		Chain       []string `json:"ca_chain"`
		Key         *string  `json:"key_id"` // "" is none; nil is not told
	}
	path := "issuer/" + url.PathEscape(i.id)
	_, err := s.read(ctx, path, nil, &data)
	if isForbidden(err) {
		_, err = s.read(ctx, path+"/json", nil, &data)
	}
	if isNothing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	i.keyless = data.Key != nil && *data.Key == ""
	if i.cert, err = s.caCertificate(data.Certificate); err != nil {
		return err
	}
	all.add(i.cert)
	for _, text := range data.Chain {
		c, err := s.caCertificate(text)
		if err != nil {
			return err
		}
		all.add(c)
		if len(all.pool) > maxPool {
			return &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("the issuers of the mount '%s' have more than %d certificates in their chains", s.mountName, maxPool)}
		}
	}
	all.list = append(all.list, i)
	return nil
}

// readChain adds the one issuer of an old version, from ca_chain, which is
// PEM, or from ca/pem where there is no chain.
func (s *session) readChain(ctx context.Context, all *issuers) error {
	for _, path := range []string{"ca_chain", "ca/pem"} {
		answer, err := s.rest.Do(ctx, rest.Request{Path: s.at(path), Accept: "*/*"})
		if err != nil && !isNothing(err) {
			return s.aboutMount(err)
		}
		if len(bytes.TrimSpace(answer.Body)) == 0 {
			continue
		}
		chain, err := provider.ParseCertificates(answer.Body)
		if err != nil || len(chain) > maxPool || slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return !c.IsCA }) {
			return &provider.Error{Code: provider.CodeParse, Msg: fmt.Sprintf("%s of the mount '%s' is not a chain of CA certificates", path, s.mountName), Err: err}
		}
		for _, c := range chain {
			all.add(c)
		}
		all.list = append(all.list, issuer{isDefault: true, cert: chain[0]})
		return nil
	}
	return nil
}

func (s *session) caCertificate(text string) (*x509.Certificate, error) {
	c, _, err := provider.DecodeCertificate(text)
	if err == nil && !c.IsCA {
		err = errors.New("it is not one of a CA")
	}
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeParse, Msg: fmt.Sprintf("an issuer of the mount '%s' is not a CA certificate", s.mountName), Err: err}
	}
	return c, nil
}
