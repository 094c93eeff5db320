package provider

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// ErrNoCertificate is the cause of an *Error that a Revoker returns for a
// serial number that the CA does not know.
var ErrNoCertificate = errors.New("the CA has no such certificate")

// An Issuer has certificates issued. Callers go through Issue, which checks
// what is asked for and what comes back.
type Issuer interface {
	// Issue asks for one certificate. It is called once for a request: a CA
	// issues again for the same one. What the CA does not issue at once, but
	// puts before a person, is an *Error with CodeApprovalPending; where the CA
	// can be asked what became of it, around a *Pending.
	Issue(ctx context.Context, r Request) (Issued, error)
}

// A Request is what a certificate is asked for with.
type Request struct {
	CSR     []byte   // DER of a CertificationRequest (PKCS#10, RFC 2986)
	Profile string   // what the CA calls the sort of certificate; "" is what the settings say
	Pending *Pending // what the CA answered to the same request before; nil for the first time
}

// A Pending is a request that waits at the CA for a person to approve it.
type Pending struct {
	Reference string // what the CA calls it; "" where it knows the request itself again (EST)
}

// Error says that it waits.
func (p *Pending) Error() string { return "the request waits for approval at the CA" }

// DefaultPatience is how long to wait before a CA is asked again for what it
// has not approved, where it does not say.
const DefaultPatience = 5 * time.Minute

// ApprovalPending returns the error for a request that waits for approval. after
// is when the CA wants to be asked again, 0 where it does not tell. p is nil
// where it cannot be asked.
func ApprovalPending(p *Pending, after time.Duration) *Error {
	e := &Error{Code: CodeApprovalPending, RetryAfter: after, Msg: "the CA has taken the request, and issues when a person has approved it there"}
	if p != nil {
		e.Err = p
		e.RetryAfter = cmp.Or(after, DefaultPatience)
	}
	return e
}

// An Issued is a CA's answer to a Request.
type Issued struct {
	Chain []*x509.Certificate // the certificate, and what the CA gave of those above it, in order
	TxID  string              // the CA's transaction id, for support
}

// A Revoker revokes certificates. What is revoked already is a success,
// whatever the reason was. Callers go through Revoke.
type Revoker interface {
	Revoke(ctx context.Context, r Revocation) error
}

// A Revocation names a certificate and why it is no longer good.
type Revocation struct {
	Serial      string // lower-case hex, no leading zeros
	Certificate []byte // DER; nil where it is not known
	Reason      int    // RFC 5280, 5.3.1; not every CA keeps it
}

// RevocationReasons are the reasons for which a certificate can be revoked for
// good (RFC 5280, 5.3.1), by their code. certificateHold and removeFromCRL are
// none.
func RevocationReasons() map[string]int {
	return map[string]int{
		"unspecified": 0, "keyCompromise": 1, "cACompromise": 2, "affiliationChanged": 3, "superseded": 4,
		"cessationOfOperation": 5, "privilegeWithdrawn": 9, "aACompromise": 10,
	}
}

// The bounds of a request for a certificate.
const (
	maxCSR     = 64 << 10 // bytes
	minRSABits = 2048     // CA/Browser Forum, Baseline Requirements, 6.1.5
	minECBits  = 256
	maxIssued  = 16 // certificates of an answer
)

// ParseCSR reads a CertificationRequest, DER, base64 of DER, or PEM, and checks that it is
// signed with its own key and that the key is one to be certified. The error's
// text is a sentence for the one who asks.
func ParseCSR(b []byte) (*x509.CertificateRequest, error) {
	if len(b) > maxCSR {
		return nil, fmt.Errorf("The request is larger than %d bytes.", maxCSR) //nolint:revive // a sentence for a person
	}
	if block, _ := pem.Decode(b); block != nil && (block.Type == "CERTIFICATE REQUEST" || block.Type == "NEW CERTIFICATE REQUEST") {
		b = block.Bytes
	} else if der, err := decodeBase64(b); err == nil {
		b = der
	}
	csr, err := x509.ParseCertificateRequest(b)
	if err != nil {
		return nil, errors.New("The request is not PKCS#10 (RFC 2986), neither DER, base64 of it, nor PEM.") //nolint:revive // as above
	}
	if fault := weakness(csr.PublicKey); fault != "" {
		return nil, errors.New("The request is for " + fault + ".")
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, errors.New("The request is not signed with the key that it is for.") //nolint:revive // as above
	}
	return csr, nil
}

// weakness says what is wrong with a key, "" for nothing.
func weakness(key any) string {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < minRSABits || n > maxRSABits {
			return fmt.Sprintf("an RSA key of %d bits; they have %d to %d", n, minRSABits, maxRSABits)
		}
	case *ecdsa.PublicKey:
		if n := k.Curve.Params().BitSize; n < minECBits {
			return fmt.Sprintf("an EC key of %d bits; they have %d or more", n, minECBits)
		}
	case ed25519.PublicKey:
	default:
		return "a key that is neither RSA, EC nor Ed25519"
	}
	return ""
}

// Issue checks r, has it issued, and checks what comes back: the first
// certificate has the key of the request, and each other signed the one before
// it; what the CA sends beside those is left out. A fault of r is an *Error
// with CodeParse and RetryNever.
func Issue(ctx context.Context, by Issuer, r Request) (Issued, error) {
	csr, err := ParseCSR(r.CSR)
	if err != nil {
		return Issued{}, &Error{Code: CodeParse, Msg: err.Error(), Retry: RetryNever}
	}
	r.CSR = csr.Raw
	got, err := by.Issue(ctx, r)
	if err != nil {
		return Issued{}, err
	}
	if len(got.Chain) == 0 {
		return Issued{}, &Error{Code: CodeProtocol, Msg: "the CA answers the request without a certificate", TxID: got.TxID}
	}
	leaf := got.Chain[0]
	if !bytes.Equal(leaf.RawSubjectPublicKeyInfo, csr.RawSubjectPublicKeyInfo) {
		return Issued{}, &Error{Code: CodeProtocol, Msg: "the CA answers the request with a certificate for another key", TxID: got.TxID}
	}
	if leaf.IsCA {
		return Issued{}, &Error{Code: CodeProtocol, Msg: "the CA answers the request with the certificate of a CA", TxID: got.TxID}
	}
	got.Chain = chainOf(got.Chain[:min(len(got.Chain), maxIssued)])
	return got, nil
}

// chainOf returns the first of certs and those of the others that lead up from
// it, in order.
func chainOf(certs []*x509.Certificate) []*x509.Certificate {
	chain, left := certs[:1:1], maxPathChecks
	for len(chain) < len(certs) {
		top := chain[len(chain)-1]
		if bytes.Equal(top.RawIssuer, top.RawSubject) {
			break
		}
		above := signer(top, certs[1:], &left)
		if above == nil {
			break
		}
		chain = append(chain, above)
	}
	return chain
}

// ChainOf returns a certificate and, where one of the authorities signed it, that
// one's chain up to the root: for a CA that answers with the certificate alone.
func (a Authorities) ChainOf(leaf *x509.Certificate) []*x509.Certificate {
	chain := []*x509.Certificate{leaf}
	for _, by := range a.List {
		if by.Issuing == nil || !Signed(by.Issuing, leaf) {
			continue
		}
		chain = append(append(chain, by.Issuing), by.Chain...)
		if by.Root != nil {
			chain = append(chain, by.Root)
		}
		break
	}
	return chain
}

// Revoke checks r and revokes.
func Revoke(ctx context.Context, by Revoker, r Revocation) error {
	serial, err := ParseSerial(r.Serial)
	if err != nil {
		return &Error{Code: CodeParse, Msg: "the serial number is not one", Retry: RetryNever, Err: err}
	}
	r.Serial = serial
	for _, code := range RevocationReasons() {
		if code == r.Reason {
			return by.Revoke(ctx, r)
		}
	}
	return &Error{Code: CodeParse, Msg: fmt.Sprintf("%d is not a reason for a revocation", r.Reason), Retry: RetryNever}
}
