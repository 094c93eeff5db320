package esttest

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"

	"github.com/globalsign/est"
)

// A backend is what the EST server asks its CA for.
type backend struct{ ca *CA }

var errUnsupported = errors.New("not supported")

// CACerts lists the CA certificates.
func (b backend) CACerts(context.Context, string, *http.Request) ([]*x509.Certificate, error) {
	return []*x509.Certificate{b.ca.Issuing, b.ca.Root}, nil
}

// CSRAttrs wants no attributes.
func (b backend) CSRAttrs(context.Context, string, *http.Request) (est.CSRAttrs, error) {
	return est.CSRAttrs{}, nil
}

// Enroll issues what is asked for.
func (b backend) Enroll(_ context.Context, r *x509.CertificateRequest, _ string, _ *http.Request) (*x509.Certificate, error) {
	return b.ca.sign(&x509.Certificate{Subject: r.Subject, DNSNames: r.DNSNames}, r.PublicKey)
}

// Reenroll issues what is asked for.
func (b backend) Reenroll(ctx context.Context, _ *x509.Certificate, r *x509.CertificateRequest, label string, req *http.Request) (*x509.Certificate, error) {
	return b.Enroll(ctx, r, label, req)
}

// ServerKeyGen is not supported.
func (b backend) ServerKeyGen(context.Context, *x509.CertificateRequest, string, *http.Request) (*x509.Certificate, []byte, error) {
	return nil, nil, errUnsupported
}

// TPMEnroll is not supported.
func (b backend) TPMEnroll(context.Context, *x509.CertificateRequest, []*x509.Certificate, []byte, []byte, string, *http.Request) (blob, secret, cred []byte, err error) {
	return nil, nil, nil, errUnsupported
}
