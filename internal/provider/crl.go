package provider

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
)

// ParseCRL reads a revocation list, DER or PEM, and checks that one of issuers
// signed it and that it is complete by itself. host names the CA in errors.
//
// A list whose nextUpdate has passed is returned too: what it says stays true;
// that it may lack the newest revocations can be told from NextUpdate.
//
// Errors are *Error with CodeParse for a list that cannot be read,
// CodeUpstreamFault for one that none of issuers signed, and CodeUnsupported for
// one that is not complete (delta or indirect CRL, RFC 5280, 5.2.4 and 5.2.5).
func ParseCRL(body []byte, issuers []*x509.Certificate, host string) (*x509.RevocationList, error) {
	if block, _ := pem.Decode(body); !IsDER(body) && block != nil && block.Type == "X509 CRL" {
		body = block.Bytes
	}
	list, err := x509.ParseRevocationList(body)
	if err != nil {
		return nil, &Error{Code: CodeParse, Msg: "the answer of " + host + " is not a CRL (DER or PEM)", Err: err}
	}
	signed := func(c *x509.Certificate) bool {
		return bytes.Equal(list.RawIssuer, c.RawSubject) && IsCheap(c) && list.CheckSignatureFrom(c) == nil
	}
	if !slices.ContainsFunc(issuers, signed) {
		return nil, &Error{Code: CodeUpstreamFault, Msg: "the CRL of " + host + " was not signed by any of the CA's certificates"}
	}
	if err := checkComplete(list); err != nil {
		return nil, &Error{Code: CodeUnsupported, Msg: "the CRL of " + host + " is not a complete list of one CA's revocations", Err: err}
	}
	return list, nil
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
