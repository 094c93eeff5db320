package casim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"time"
)

// trustFaults change the roots and chains.
func trustFaults() []Fault {
	return []Fault{
		{Name: "not-changed", Doc: "policiesNotChanged without being asked", Policies: func(a *PoliciesAnswer) {
			a.Response.NotChanged, a.CAs, a.OIDs, a.Response.Policies = true, nil, nil, nil
		}},
		{Name: "no-authorities", Doc: "an empty list of CAs", World: func(w *World) { w.Issuers = nil }},
		{Name: "no-root", Doc: "chains without their root", World: roots(func(*World, *Issuer) *x509.Certificate { return nil })},
		{Name: "leaf-as-root", Doc: "the issuing CA in the place of its root", World: roots(func(_ *World, i *Issuer) *x509.Certificate { return i.Issuing })},
		{Name: "end-entity-as-root", Doc: "an end entity's certificate in the place of the root", World: roots(func(w *World, i *Issuer) *x509.Certificate {
			if len(w.Issued) == 0 {
				return i.Issuing
			}
			c, err := x509.ParseCertificate(w.Issued[0].DER)
			if err != nil {
				return i.Issuing
			}
			return c
		})},
		{Name: "other-root", Doc: "a root that has nothing to do with the chains", World: otherRoot("Another Root CA")},
		{Name: "same-name-root", Doc: "a root of the same name with another key", World: otherRoot("Simulated Root CA")},
		{Name: "expired-root", Doc: "the root has expired", World: renewedRoot(func(t *x509.Certificate) { t.NotAfter = t.NotBefore.Add(time.Minute) })},
		{Name: "future-root", Doc: "the root is valid next year", World: renewedRoot(func(t *x509.Certificate) { t.NotBefore = t.NotBefore.AddDate(1, 0, 0) })},
		{Name: "root-without-constraints", Doc: "the root is not called a CA", World: renewedRoot(func(t *x509.Certificate) { t.IsCA, t.BasicConstraintsValid = false, false })},
		{Name: "root-that-may-not-sign", Doc: "the root's key usage lacks keyCertSign", World: renewedRoot(func(t *x509.Certificate) { t.KeyUsage = x509.KeyUsageDigitalSignature })},
		{Name: "weak-root", Doc: "a root of RSA 1024", World: weakRoot},
		{Name: "many-roots", Doc: "a root of its own for each CA", World: func(w *World) {
			for i := range w.Issuers {
				if s, err := newSigner("Root CA "+w.Issuers[i].ID, w.ca.opts.Now(), signer{}); err == nil {
					w.Issuers[i].Root, w.Issuers[i].Chain = s.cert, nil
					w.Issuers[i].Issuing = w.below(w.Issuers[i].Issuing, s)
				}
			}
		}},
		{Name: "replaced-hierarchy", Doc: "a new root of the same name with new CAs below it", World: func(w *World) {
			next := *w.ca.auth
			if next.newHierarchy(w.ca.opts.Now()) == nil {
				w.hierarchy(&next)
			}
		}},
		{Name: "renewed-root", Doc: "the root with the same key and new dates", World: renewedRoot(func(t *x509.Certificate) { t.NotAfter = t.NotAfter.AddDate(5, 0, 0) })},
		{Name: "chain-without-link", Doc: "the intermediate is left out", World: func(w *World) {
			for i := range w.Issuers {
				w.Issuers[i].Chain = nil
			}
		}},
		{Name: "chain-in-a-circle", Doc: "the intermediate a thousand times", World: func(w *World) {
			if len(w.Issuers) > 0 && len(w.Issuers[0].Chain) > 0 {
				for range 1000 {
					w.Issuers[0].Chain = append(w.Issuers[0].Chain, w.Issuers[0].Chain[0])
				}
			}
		}},
		{Name: "foreign-chain", Doc: "an issuing CA that the root did not sign", World: func(w *World) {
			if s, err := newSigner("Foreign CA", w.ca.opts.Now(), signer{}); err == nil && len(w.Issuers) > 0 {
				w.Issuers[0].Issuing, w.Issuers[0].Chain = s.cert, nil
			}
		}},
		{Name: "restless-root", Doc: "another root at each call", Policies: func(a *PoliciesAnswer) {
			if s, err := newSigner("Simulated Root CA", time.Now(), signer{}); err == nil {
				for i := range a.CAs {
					a.CAs[i].Root = encode(s.cert.Raw)
				}
			}
		}},
		{Name: "unreadable-root", Doc: "the root is not a certificate", Policies: func(a *PoliciesAnswer) {
			for i := range a.CAs {
				a.CAs[i].Root = encode([]byte("not a certificate"))
			}
		}},
	}
}

// roots puts another certificate in the place of each root.
func roots(other func(*World, *Issuer) *x509.Certificate) func(*World) {
	return func(w *World) {
		for i := range w.Issuers {
			w.Issuers[i].Root = other(w, &w.Issuers[i])
		}
	}
}

// otherRoot serves a root that did not sign the chains.
func otherRoot(name string) func(*World) {
	return func(w *World) {
		s, err := newSigner(name, w.ca.opts.Now(), signer{})
		if err != nil {
			return
		}
		roots(func(*World, *Issuer) *x509.Certificate { return s.cert })(w)
	}
}

// renewedRoot signs the root's certificate again with its own key.
func renewedRoot(change func(*x509.Certificate)) func(*World) {
	return func(w *World) {
		old := w.ca.auth.Root
		tmpl, err := template(old.cert.Subject.CommonName, old.cert.NotBefore, old.cert.NotAfter)
		if err != nil {
			return
		}
		tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
		change(tmpl)
		cert, err := sign(tmpl, signer{tmpl, old.key}, old.key.Public())
		if err != nil {
			return
		}
		roots(func(*World, *Issuer) *x509.Certificate { return cert })(w)
	}
}

// weakRoot makes a hierarchy below a root of RSA 1024.
func weakRoot(w *World) {
	key, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // weak on purpose
	if err != nil {
		return
	}
	tmpl, err := template("Weak Root CA", w.ca.opts.Now().Add(-time.Hour), w.ca.opts.Now().AddDate(20, 0, 0))
	if err != nil {
		return
	}
	tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		return
	}
	for i := range w.Issuers {
		below, err := template(w.Issuers[i].Issuing.Subject.CommonName, root.NotBefore, root.NotAfter)
		if err != nil {
			return
		}
		below.IsCA, below.BasicConstraintsValid = true, true
		der, err := x509.CreateCertificate(rand.Reader, below, root, w.Issuers[i].Issuing.PublicKey, key)
		if err != nil {
			return
		}
		if c, err := x509.ParseCertificate(der); err == nil {
			w.Issuers[i] = Issuer{ID: w.Issuers[i].ID, Profile: w.Issuers[i].Profile, Issuing: c, Root: root}
		}
	}
}

// below returns c as issued by another signer.
func (w *World) below(c *x509.Certificate, by signer) *x509.Certificate {
	tmpl, err := template(c.Subject.CommonName, by.cert.NotBefore, by.cert.NotAfter)
	if err != nil {
		return c
	}
	tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.KeyUsage = true, true, c.KeyUsage
	signed, err := sign(tmpl, by, c.PublicKey)
	if err != nil {
		return c
	}
	return signed
}

// hierarchy tells of other authorities than the CA's own.
func (w *World) hierarchy(a *authorities) {
	own := w.ca.auth
	w.ca.auth = a
	w.Issuers = w.ca.issuers()
	w.ca.auth = own
}
