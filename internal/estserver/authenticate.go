package estserver

import (
	"cmp"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"

	"cloudpki/internal/auth"
	"cloudpki/internal/limit"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
)

// maxAuthorization bounds the Authorization field.
const maxAuthorization = 8 << 10

// login counts an attempt to log in while who proves it. A refusal counts
// against the network that it comes from, until its answer is 429. A token or
// certificate that is good is honoured all the same; a password is not looked
// at then, as that is work.
func (s *Server) login(x *exchange, who func() error) error {
	network := limit.Network(x.r.RemoteAddr)
	wait := s.attempts.begin(network, s.o.Now())
	tooMany := &refusal{status: http.StatusTooManyRequests, text: "Too many logins have failed from this address. Try again later.", retryAfter: wait}
	if _, _, password := x.r.BasicAuth(); password && wait > 0 {
		return tooMany
	}
	err := who()
	if pki.CodeOf(err) == pki.CodeNotFound {
		err = unauthorized(err)
	}
	refused := err != nil && explain(err).status == http.StatusUnauthorized
	switch {
	case refused && wait > 0:
		return tooMany
	case !refused && wait == 0:
		s.attempts.forgive(network)
	}
	return err
}

// authenticate finds out by the Authorization field which endpoint is asked,
// and by whom: its account, or a token of its tenant that may write.
func (s *Server) authenticate(x *exchange) (e pki.ESTEndpoint, a pki.Actor, err error) {
	err = s.login(x, func() error {
		fields := x.r.Header["Authorization"]
		if len(fields) != 1 || len(fields[0]) > maxAuthorization {
			return unauthorized(nil)
		}
		if name, password, ok := x.r.BasicAuth(); ok {
			e, err = s.o.Endpoints.Authenticate(x.r.Context(), x.endpoint, name, secret.NewString(password))
			a = x.actor("est/"+string(x.endpoint), name, name)
			return err
		}
		scheme, token, _ := strings.Cut(fields[0], " ")
		if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
			return unauthorized(nil)
		}
		p, err := s.o.Verifier.Verify(x.r.Context(), token)
		if err != nil {
			return err
		}
		if e, err = s.o.Endpoints.Find(x.r.Context(), x.endpoint); err != nil {
			return err
		}
		if p.Tenant != e.Tenant {
			return unauthorized(errors.New("the token is of another tenant"))
		}
		a = x.actor(p.Client, p.Subject, cmp.Or(p.Name, p.Client, p.Subject))
		return p.Allows(auth.Write)
	})
	x.tenant = e.Tenant
	return e, a, err
}

// identify finds out by the certificate of the handshake which endpoint is
// asked, and for which certificate.
func (s *Server) identify(x *exchange) (e pki.ESTEndpoint, cert *x509.Certificate, held pki.Certificate, err error) {
	err = s.login(x, func() error {
		if x.r.TLS == nil || len(x.r.TLS.PeerCertificates) == 0 {
			return unauthorized(errors.New("no client certificate was shown"))
		}
		cert = x.r.TLS.PeerCertificates[0]
		e, held, err = s.o.Endpoints.Identify(x.r.Context(), x.endpoint, cert)
		return err
	})
	x.tenant = e.Tenant
	return e, cert, held, err
}

// actor names who acts, and by which endpoint.
func (x *exchange) actor(client, subject, name string) pki.Actor {
	return pki.Actor{Client: client, Subject: subject, Name: name + " at EST endpoint " + string(x.endpoint), RequestID: x.requestID}
}
