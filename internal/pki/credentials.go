package pki

import (
	"bytes"
	"context"
	"strconv"

	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

// The names of the secret members, as clients spell them; they are part of
// what a ciphertext is bound to.
const (
	fieldPassword            = "adminPassword"
	fieldCertificate         = "authenticationCertificate"
	fieldCertificatePassword = "authenticationCertificatePassword"
)

// entityName is what a subscription's ciphertexts are bound to: the id and the
// incarnation, so that an object made later under the same id cannot open them.
func entityName(s *Subscription) string {
	return "cloudPkiSubscription/" + string(s.ID) + "/" + strconv.FormatInt(s.Key, 36)
}

type secretField struct {
	name   string
	sealed *secret.Sealed
	sent   Maybe[secret.Text]
}

func secretFields(c *Credentials, d DraftCredentials) []secretField {
	return []secretField{
		{fieldPassword, &c.Password, d.Password},
		{fieldCertificate, &c.Certificate, d.Certificate},
		{fieldCertificatePassword, &c.CertificatePassword, d.CertificatePassword},
	}
}

// isChange reports whether a secret was sent to be stored. Reads show null, so
// null and the mask mean unchanged: a client that reads, edits and writes back
// the whole object loses nothing.
func (f secretField) isChange() bool {
	return f.sent.IsGiven() && !bytes.Equal(f.sent.Value.Reveal(), []byte(Mask))
}

// unseal opens a subscription's credentials for the CA.
func (s *Service) unseal(ctx context.Context, sub *Subscription) (provider.Credentials, error) {
	return s.unsealSlot(ctx, sub, sub.Credentials, slotCurrent)
}

// unsealSlot opens what is in a slot.
func (s *Service) unsealSlot(ctx context.Context, sub *Subscription, c *Credentials, slot string) (provider.Credentials, error) {
	if c == nil {
		return provider.Credentials{}, nil
	}
	out := provider.Credentials{}
	if c.UserName != nil {
		out.UserName = *c.UserName
	}
	if c.Key == nil {
		return out, nil
	}
	object, err := s.keyring.OpenObject(ctx, string(sub.Tenant), slotName(sub, slot), c.Key)
	if err != nil {
		return out, err
	}
	for _, f := range []struct {
		name   string
		sealed secret.Sealed
		to     *secret.Text
	}{
		{fieldPassword, c.Password, &out.Password},
		{fieldCertificate, c.Certificate, &out.Certificate},
		{fieldCertificatePassword, c.CertificatePassword, &out.CertificatePassword},
	} {
		if *f.to, err = object.Open(f.name, f.sealed); err != nil {
			return out, err
		}
	}
	return out, nil
}

// describeCertificate returns what can be told of the client certificate, or
// nil where there is none or it does not open: what is wrong with it is told
// by the sync, not by the write.
func (s *Service) describeCertificate(object secret.Object, c *Credentials) *provider.CertificateInfo {
	pfx, err := object.Open(fieldCertificate, c.Certificate)
	if err != nil || pfx.IsEmpty() {
		return nil
	}
	password, err := object.Open(fieldCertificatePassword, c.CertificatePassword)
	if err != nil {
		return nil
	}
	info, err := provider.Inspect(pfx, password)
	if err != nil {
		return nil
	}
	info.Subject, info.Issuer = printable(info.Subject), printable(info.Issuer)
	return &info
}
