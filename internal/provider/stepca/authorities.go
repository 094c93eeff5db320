package stepca

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"

	"cloudpki/internal/provider"
)

// Authorities returns one authority for each intermediate, with its root found
// by signature. A root that no intermediate leads to is left out: nothing is
// issued under it. A CA that tells no intermediates, as one that passes
// requests on to another does (HTTP 501), or a version before /intermediates
// (404), has one authority for each root, without an issuer.
//
// An intermediate whose root is not served is an error with CodeUpstreamFault.
func (s *session) Authorities(ctx context.Context) (provider.Authorities, error) {
	roots, intermediates, err := s.certificates(ctx)
	if err != nil {
		return provider.Authorities{}, err
	}
	var list []provider.Authority
	for _, c := range intermediates {
		chain := provider.PathToRoot(c, roots, intermediates)
		if chain == nil {
			return provider.Authorities{}, &provider.Error{
				Code: provider.CodeUpstreamFault,
				Msg: fmt.Sprintf("the CA issues with '%s' but does not serve the root that signed it; correct the root list in the CA's configuration",
					provider.Clean(c.Subject.String(), maxMessage)),
			}
		}
		list = append(list, provider.Authority{Issuing: c, Chain: chain[:len(chain)-1], Root: chain[len(chain)-1]})
	}
	if len(intermediates) == 0 {
		for _, root := range roots {
			list = append(list, provider.Authority{Root: root})
		}
	}
	return provider.Authorities{List: list}, nil
}

// certificates returns what the CA issues with. There is at least one root;
// there may be no intermediate.
func (s *session) certificates(ctx context.Context) (roots, intermediates []*x509.Certificate, err error) {
	if roots, err = s.roots(ctx); err != nil {
		return nil, nil, err
	}
	intermediates, err = s.list(ctx, "intermediates")
	if isStatus(err, http.StatusNotImplemented, http.StatusNotFound) {
		return roots, nil, nil
	}
	return roots, intermediates, err
}

// roots returns the CA's roots, at least one.
func (s *session) roots(ctx context.Context) ([]*x509.Certificate, error) {
	roots, err := s.list(ctx, "roots")
	if err != nil {
		return nil, err
	}
	if len(roots) == 0 {
		return nil, &provider.Error{Code: provider.CodeParse, Msg: fmt.Sprintf("%s tells no roots; is it a step-ca?", s.base.Host)}
	}
	return roots, nil
}

// list returns the certificates of an answer {"crts": [PEM, …]}.
func (s *session) list(ctx context.Context, path string) ([]*x509.Certificate, error) {
	var answer struct {
		Certificates []string `json:"crts"`
	}
	if err := s.getJSON(ctx, path, nil, &answer); err != nil {
		return nil, err
	}
	if n := len(answer.Certificates); n > maxIssuers {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("%s lists %d certificates in /%s; at most %d are read", s.base.Host, n, path, maxIssuers)}
	}
	var certs []*x509.Certificate
	for i, text := range answer.Certificates {
		c, err := parseCertificate(text)
		if err == nil && !c.IsCA {
			err = errors.New("not a CA certificate")
		}
		if err != nil {
			return nil, &provider.Error{Code: provider.CodeParse, Msg: fmt.Sprintf("certificate %d in /%s of %s is not one of a CA", i+1, path, s.base.Host), Err: err}
		}
		certs = append(certs, c)
	}
	return certs, nil
}
