package pki

import (
	"context"
	"strings"
	"time"

	"cloudpki/internal/provider"
)

// way performs the steps of the network: dns, tcp and tls. A CA without an
// address of its own has none of them.
func (t *tester) way(ctx context.Context) bool {
	if t.config.ServiceURI == "" {
		for _, name := range []string{StepDNS, StepTCP, StepTLS} {
			t.step(name).Status = StepNotApplicable
		}
		return true
	}
	options := provider.ClientOptions{ServerCAs: t.config.ServerCAs}
	c := &t.config.Credentials
	if !c.Certificate.IsEmpty() && t.problem == nil {
		certificate, err := provider.ClientCertificate(c.Certificate, c.CertificatePassword, t.now())
		if err != nil {
			t.problem = asError(err)
		} else {
			options.Certificate = &certificate
		}
	}
	look, err := t.transport.Examine(t.config.ServiceURI, options)
	if err != nil {
		t.fail(t.step(StepConfiguration), asError(err))
		return false
	}
	defer look.Close()
	return t.take(ctx, StepDNS, func(ctx context.Context, step *Step) error {
		step.note("host", "%s", look.Server())
		addresses, err := look.Resolve(ctx)
		names := make([]string, len(addresses))
		for i, a := range addresses {
			names[i] = a.String()
		}
		if len(names) > 0 {
			step.note("addresses", "%s", strings.Join(names, ", "))
		}
		return err
	}) && t.take(ctx, StepTCP, func(ctx context.Context, step *Step) error {
		at, err := look.Dial(ctx)
		if err == nil {
			step.note("address", "%s", at)
		}
		return err
	}) && t.take(ctx, StepTLS, func(ctx context.Context, step *Step) error { return t.tls(ctx, step, look) })
}

// tls judges the server. Where that refuses the client certificate, this step
// has succeeded and the next one fails.
func (t *tester) tls(ctx context.Context, step *Step, look *provider.Examination) error {
	h, err := look.Handshake(ctx)
	if h.Version != "" {
		step.note("tlsVersion", "%s", h.Version)
		step.note("cipherSuite", "%s", h.Cipher)
	}
	if c := h.Certificate; c != nil {
		step.note("serverSubject", "%s", c.Subject.String())
		step.note("serverIssuer", "%s", c.Issuer.String())
		step.note("serverNotAfter", "%s", c.NotAfter.UTC().Format(time.RFC3339))
		step.note("serverThumbprint", "%s", Thumbprint(c.Raw))
	}
	t.asked = h.Asked
	fault := asError(err)
	switch {
	case fault == nil:
		return nil
	case fault.Code == provider.CodeTLSClientRejected && h.Trusted:
		if t.problem == nil {
			t.problem, t.reached = fault, true
		}
		return nil
	case fault.Code == provider.CodeTLSServer && h.Certificate != nil && !h.Trusted && t.config.ServerCAs == nil && len(t.config.Settings) > 0:
		t.pending = fault
		return nil
	}
	return fault
}

// settleTrust is called once a session stands: the provider trusts the server
// by means of its own, such as the pinned root of a step-ca.
func (t *tester) settleTrust() {
	if t.pending != nil {
		t.step(StepTLS).note("trustedBy", "%s", "the settings of the provider")
	}
}

// clientCertificate tells with what the service shows itself.
func (t *tester) clientCertificate(_ context.Context, step *Step) error {
	c := &t.config.Credentials
	if info, err := provider.Inspect(c.Certificate, c.CertificatePassword); err == nil && !c.Certificate.IsEmpty() {
		step.note("subject", "%s", info.Subject)
		step.note("notAfter", "%s", info.NotAfter.Format(time.RFC3339))
		step.note("thumbprint", "%s", info.Thumbprint)
	}
	switch {
	case t.problem != nil:
		return t.problem
	case c.Certificate.IsEmpty():
		step.Status = StepNotApplicable
		return nil
	}
	step.note("askedByServer", "%t", t.asked)
	return nil
}
