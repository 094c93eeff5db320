package stepca

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"cloudpki/internal/provider"
)

// CRLs returns the CA's list, if it makes one (ca.json, crl.enabled), after
// checking its signature against the intermediates and roots. A CA that makes
// none answers 404, 501, or nothing at all: then there are no lists and no
// error.
//
// A list whose nextUpdate has passed is returned too. step-ca only ever adds
// to its list, so what an old one says stays true; that it may lack the newest
// revocations can be told from RevocationList.NextUpdate.
//
// Errors have CodeParse for a list that cannot be read, CodeUpstreamFault for
// one that no authority signed, and CodeUnsupported for one that is not
// complete by itself (delta or indirect CRL, RFC 5280, 5.2.4 and 5.2.5).
func (s *session) CRLs(ctx context.Context) ([]*x509.RevocationList, error) {
	der, err := s.crl(ctx)
	if err != nil || len(der) == 0 {
		return nil, err
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeParse, Msg: fmt.Sprintf("the answer of %s to /crl is not a CRL", s.base.Host), Err: err}
	}
	roots, intermediates, err := s.certificates(ctx)
	if err != nil {
		return nil, err
	}
	signed := func(c *x509.Certificate) bool {
		return bytes.Equal(list.RawIssuer, c.RawSubject) && list.CheckSignatureFrom(c) == nil
	}
	if !slices.ContainsFunc(slices.Concat(intermediates, roots), signed) {
		return nil, &provider.Error{
			Code: provider.CodeUpstreamFault,
			Msg:  fmt.Sprintf("the CRL of %s was not signed by any of the CA's certificates", s.base.Host),
		}
	}
	if err := checkComplete(list); err != nil {
		return nil, &provider.Error{Code: provider.CodeUnsupported, Msg: fmt.Sprintf("the CRL of %s is not a complete list of one CA's revocations", s.base.Host), Err: err}
	}
	return []*x509.RevocationList{list}, nil
}

// crl returns the DER of the CA's list; none where the CA makes none.
func (s *session) crl(ctx context.Context) ([]byte, error) {
	resp, err := s.get(ctx, "crl")
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	switch resp.StatusCode {
	case http.StatusOK:
		return s.read(resp, maxCRL)
	case http.StatusNotFound, http.StatusNotImplemented, http.StatusNoContent:
		return nil, nil
	default:
		return nil, s.statusFault(resp)
	}
}

// checkComplete refuses a list with a critical extension that changes what its
// entries mean. The issuing distribution point is critical always; it is
// harmless unless it declares the list indirect (RFC 5280, 5.2.5).
func checkComplete(list *x509.RevocationList) error {
	distributionPoint := asn1.ObjectIdentifier{2, 5, 29, 28}
	for _, ext := range list.Extensions {
		switch {
		case ext.Id.Equal(distributionPoint):
			if err := checkDistributionPoint(ext.Value); err != nil {
				return err
			}
		case ext.Critical:
			return fmt.Errorf("critical extension %v", ext.Id)
		}
	}
	for _, entry := range list.RevokedCertificateEntries {
		for _, ext := range entry.Extensions {
			if ext.Critical {
				return fmt.Errorf("critical extension %v of the entry for serial number %x", ext.Id, entry.SerialNumber)
			}
		}
	}
	return nil
}

// checkDistributionPoint refuses an issuing distribution point that declares
// the list indirect: entries are then other CAs' certificates. Its members have
// the context-specific tags 0 to 5, and 4 is indirectCRL.
func checkDistributionPoint(der []byte) error {
	const indirect, last = 4, 5
	var members []asn1.RawValue
	rest, err := asn1.Unmarshal(der, &members)
	switch {
	case err != nil:
		return fmt.Errorf("read issuing distribution point: %w", err)
	case len(rest) > 0:
		return errors.New("read issuing distribution point: trailing data")
	}
	for _, m := range members {
		switch {
		case m.Class != asn1.ClassContextSpecific || m.Tag > last:
			return fmt.Errorf("read issuing distribution point: unknown member with tag %d", m.Tag)
		case m.Tag == indirect && !bytes.Equal(m.Bytes, []byte{0}):
			return errors.New("indirect CRL")
		}
	}
	return nil
}
