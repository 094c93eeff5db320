package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
)

// classify turns the error of a call to host, or of reading its answer, into
// an *Error. An *Error passes unchanged.
func classify(ctx context.Context, host string, err error) *Error {
	var done *Error
	if errors.As(err, &done) {
		return done
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return &Error{Code: CodeCancelled, Msg: "the call was cancelled", Err: err}
	}
	for _, look := range []func(string, error) *Error{dialFault, serverFault, alertFault, protocolFault} {
		if e := look(host, err); e != nil {
			e.Err = err
			return e
		}
	}
	if isTimeout(ctx, err) {
		return &Error{Code: CodeTimeout, Msg: fmt.Sprintf("%s did not answer in time", host), Err: err}
	}
	if wasCut(err) {
		return &Error{Code: CodeConnect, Msg: fmt.Sprintf("%s cut the connection", host), Err: err}
	}
	var network *net.OpError
	switch {
	case errors.As(err, &network) && network.Op != "local error":
		return &Error{Code: CodeConnect, Msg: fmt.Sprintf("no connection to %s", host), Err: err}
	case strings.HasPrefix(innermost(err).Error(), "tls: "):
		return &Error{Code: CodeTLSServer, Msg: fmt.Sprintf("no TLS handshake with %s; it must speak TLS 1.2 or later", host), Err: err}
	}
	return &Error{Code: CodeProtocol, Msg: fmt.Sprintf("the answer of %s breaks the rules or the bounds of HTTP", host), Err: err}
}

func innermost(err error) error {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return err
}

func dialFault(host string, err error) *Error {
	var refused *refusedAddress
	var dns *net.DNSError
	switch {
	case errors.As(err, &refused):
		return refused.public(host)
	case errors.As(err, &dns):
		return &Error{Code: CodeDNS, Msg: fmt.Sprintf("the name %s does not resolve; check serviceUri and the resolver", host)}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &Error{Code: CodeConnect, Msg: fmt.Sprintf("%s refuses the connection; is the CA up, and the port right?", host)}
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return &Error{Code: CodeConnect, Msg: fmt.Sprintf("there is no route to %s", host)}
	}
	return nil
}

// serverFault explains a server certificate that does not verify.
func serverFault(host string, err error) *Error {
	var (
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		verify   *tls.CertificateVerificationError
	)
	msg := ""
	switch {
	case errors.As(err, &hostname):
		msg = "the server's certificate is not for the host " + host
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		msg = fmt.Sprintf("the certificate of the server %s has expired or is not yet valid; check it and the clock", host)
	case errors.As(err, &invalid):
		msg = fmt.Sprintf("the certificate of the server %s is not fit for a server", host)
	case errors.As(err, &unknown):
		msg = fmt.Sprintf("the certificate of the server %s is signed by an unknown CA; put that CA into serverCertificateAuthorities", host)
	case errors.As(err, &verify):
		msg = fmt.Sprintf("the certificate of the server %s does not verify", host)
	default:
		return nil
	}
	return &Error{Code: CodeTLSServer, Msg: msg}
}

// The TLS alerts by which a server refuses a client certificate (RFC 8446, 6.2).
// handshake_failure is one only after the server asked for a certificate.
const (
	alertHandshakeFailure       tls.AlertError = 40
	alertBadCertificate         tls.AlertError = 42
	alertUnsupportedCertificate tls.AlertError = 43
	alertCertificateRevoked     tls.AlertError = 44
	alertCertificateExpired     tls.AlertError = 45
	alertCertificateUnknown     tls.AlertError = 46
	alertUnknownCA              tls.AlertError = 48
	alertAccessDenied           tls.AlertError = 49
	alertCertificateRequired    tls.AlertError = 116
)

func alertFault(host string, err error) *Error {
	alert := remoteAlert(err)
	if alert == "" {
		return nil
	}
	why := ""
	switch alert {
	case alertBadCertificate.Error(), alertUnsupportedCertificate.Error(), alertCertificateUnknown.Error(), alertAccessDenied.Error():
		why = "does not accept the client certificate"
	case alertCertificateRevoked.Error():
		why = "says that the client certificate is revoked"
	case alertCertificateExpired.Error():
		why = "says that the client certificate has expired"
	case alertUnknownCA.Error():
		why = "does not know the CA of the client certificate"
	case alertCertificateRequired.Error():
		why = "requires a client certificate"
	default:
		return &Error{Code: CodeTLSServer, Msg: fmt.Sprintf("%s ended the TLS handshake with an alert (%s)", host, alert)}
	}
	return rejected(host, why, err)
}

func rejected(host, why string, cause error) *Error {
	return &Error{Code: CodeTLSClientRejected, Msg: fmt.Sprintf("%s %s; replace %s", host, why, memberCertificate), Err: cause}
}

// remoteAlert returns the text of an alert the server sent, "" where there is
// none. crypto/tls keeps the alert's type to itself outside QUIC but prints it
// as tls.AlertError does.
func remoteAlert(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" && op.Err != nil {
		return op.Err.Error()
	}
	return ""
}

func isAlert(err error) bool { return remoteAlert(err) != "" }

// noRenegotiation is what crypto/tls says when a server of TLS 1.2 asks for
// another handshake, as some do to get a client certificate for one path.
const noRenegotiation = "tls: no renegotiation"

func protocolFault(host string, err error) *Error {
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return &Error{Code: CodeProtocol, Msg: fmt.Sprintf("%s speaks http, not https; check the port in serviceUri", host)}
	case errors.As(err, &record):
		return &Error{Code: CodeProtocol, Msg: fmt.Sprintf("%s does not speak TLS; check the port in serviceUri", host)}
	case innermost(err).Error() == noRenegotiation:
		return &Error{Code: CodeProtocol, Msg: fmt.Sprintf("%s asks for the client certificate only after the TLS handshake (renegotiation), which is refused; set the server up to ask in the handshake, for the whole host", host)}
	}
	return nil
}

func isTimeout(ctx context.Context, err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, os.ErrDeadlineExceeded) || (errors.As(err, &t) && t.Timeout())
}

// wasCut reports whether the server ended the connection without a word.
func wasCut(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
