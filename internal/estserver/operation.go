package estserver

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/smallstep/pkcs7"

	"cloudpki/internal/pki"
)

// caCerts answers with the roots that devices are to trust and the issuers below
// them, to whoever asks (RFC 7030, 4.1.2).
func (s *Server) caCerts(x *exchange) error {
	var anchors []*x509.Certificate
	err := s.enter(func() error {
		e, err := s.o.Endpoints.Find(x.r.Context(), x.endpoint)
		if err != nil {
			return err
		}
		x.tenant = e.Tenant
		roots, intermediates, err := s.o.Endpoints.Authorities(x.r.Context(), e)
		anchors = slices.Concat(roots, intermediates)
		return err
	})
	if err != nil {
		return err
	}
	return x.sendCertificates(anchors)
}

// csrAttrs answers that no attributes are asked for (RFC 7030, 4.5.2): what a
// request must have, the CA knows.
func (s *Server) csrAttrs(x *exchange) error {
	err := s.enter(func() error {
		e, err := s.o.Endpoints.Find(x.r.Context(), x.endpoint)
		x.tenant = e.Tenant
		return err
	})
	if err != nil {
		return err
	}
	x.write(http.StatusNoContent, nil)
	return nil
}

// simpleEnroll has a certificate issued (RFC 7030, 4.2.1).
func (s *Server) simpleEnroll(x *exchange) error {
	e, a, err := s.authenticate(x)
	if err != nil {
		return err
	}
	return s.enrol(x, func(request []byte) (pki.IssuedCertificate, error) {
		return s.o.Endpoints.Enrol(x.r.Context(), e, a, request)
	})
}

// simpleReenroll renews the certificate that the device has shown in the
// handshake (RFC 7030, 4.2.2).
func (s *Server) simpleReenroll(x *exchange) error {
	e, cert, held, err := s.identify(x)
	if err != nil {
		return err
	}
	a := x.actor("est/"+string(e.ID), "serial number "+held.Serial, held.SubjectDN)
	return s.enrol(x, func(request []byte) (pki.IssuedCertificate, error) {
		return s.o.Endpoints.Reenrol(x.r.Context(), e, a, cert, held, request)
	})
}

// enrol reads the request, has it answered by issue, and sends the certificate
// alone, without those above it (RFC 7030, 4.2.3).
func (s *Server) enrol(x *exchange, issue func(request []byte) (pki.IssuedCertificate, error)) error {
	request, err := x.request()
	if err != nil {
		return err
	}
	var issued pki.IssuedCertificate
	err = s.enter(func() error {
		issued, err = issue(request)
		return err
	})
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(issued.Certificate.DER)
	if err != nil {
		return fmt.Errorf("read the issued certificate: %w", err)
	}
	return x.sendCertificates([]*x509.Certificate{leaf})
}

// maxBody bounds a request: one of 64 KiB in base64, with its line breaks.
const maxBody = 96 << 10

// request reads the body of an enrolment.
func (x *exchange) request() ([]byte, error) {
	if media, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type")); err != nil || media != "application/pkcs10" {
		return nil, &refusal{status: http.StatusUnsupportedMediaType, text: "The body is a request in base64, with Content-Type: application/pkcs10."}
	}
	if coding := x.r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, &refusal{status: http.StatusUnsupportedMediaType, text: "The body is sent as it is, without Content-Encoding."}
	}
	tooLarge := &refusal{status: http.StatusRequestEntityTooLarge, text: fmt.Sprintf("The body is larger than %d bytes.", maxBody)}
	if x.r.ContentLength > maxBody {
		return nil, tooLarge
	}
	// Not every connection has deadlines; the server's own bound holds then.
	_ = http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(longestBody))
	body, err := io.ReadAll(io.LimitReader(x.r.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, &refusal{status: http.StatusBadRequest, text: "The body has not arrived as a whole.", cause: err}
	case len(body) > maxBody:
		return nil, tooLarge
	}
	x.bodyRead = true
	return decodeRequest(body)
}

// decodeRequest reads base64 (RFC 8951, 3.1): with line breaks or without, and
// whatever Content-Transfer-Encoding says.
func decodeRequest(body []byte) ([]byte, error) {
	const sequence = 0x30
	der, err := base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields(body), nil)))
	if err != nil || len(der) == 0 || der[0] != sequence {
		return nil, &refusal{status: http.StatusBadRequest, text: "The body is not base64 (RFC 4648, 4) of a PKCS#10 request in DER; leave out the lines BEGIN and END.", cause: err}
	}
	return der, nil
}

// sendCertificates answers with certificates as certs-only PKCS#7 in base64.
func (x *exchange) sendCertificates(list []*x509.Certificate) error {
	// They are a SET OF, whose order in DER is that of the encodings (X.690, 11.6).
	slices.SortFunc(list, func(a, b *x509.Certificate) int { return bytes.Compare(a.Raw, b.Raw) })
	var all []byte
	for _, c := range list {
		all = append(all, c.Raw...)
	}
	der, err := pkcs7.DegenerateCertificate(all)
	if err != nil {
		return fmt.Errorf("write PKCS#7: %w", err)
	}
	h := x.w.Header()
	h["Content-Type"] = []string{"application/pkcs7-mime; smime-type=certs-only"}
	h["Content-Transfer-Encoding"] = []string{"base64"} // older clients insist on it; RFC 8951 has others ignore it
	x.write(http.StatusOK, inLines(base64.StdEncoding.EncodeToString(der)))
	return nil
}

// inLines breaks base64 as in PEM, for tools that take no long lines.
func inLines(text string) []byte {
	const longest = 64
	var out []byte
	for part := range slices.Chunk([]byte(text), longest) {
		out = append(append(out, part...), '\n')
	}
	return out
}
