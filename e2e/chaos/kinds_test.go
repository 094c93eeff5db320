package chaos_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"cloudpki/internal/casim"
	casimall "cloudpki/internal/casim/all"
	"cloudpki/internal/casim/ejbca"
	"cloudpki/internal/casim/sectigo"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
)

// A kind is a way to play a CA and to subscribe to it.
type kind struct {
	name     string
	provider string
	start    func(context.Context, *casim.CA) (*casim.Server, error)
	login    func(*casim.CA, *casim.Server, *pki.Draft) error // adds fresh credentials, and settings
	final    bool                                             // a revocation is final there, and nothing is ever on hold
	once     bool                                             // a certificate that is known is not fetched again, so that a forged one stays
	lists    bool                                             // the revocation lists are all that is told
}

// faults names what may happen to a CA of the kind. Where a revocation is final,
// one that the CA makes up is believed for good, so none is.
func (k kind) faults() []string {
	lies := []string{"listed-twice-differently", "no-reason", "odd-reason", "revoked-never", "revoked-tomorrow", "suspended"}
	var names []string
	for _, f := range casim.Faults() {
		if !k.final || !slices.Contains(lies, f.Name) {
			names = append(names, f.Name)
		}
	}
	return names
}

// hangs reports whether under a fault no answer comes to its end.
func hangs(fault string) bool {
	return slices.Contains([]string{"silent", "slow", "trickle", "stall"}, fault)
}

func kinds() []kind {
	return []kind{
		{name: "symantec", provider: "symantec", login: byCertificate, start: func(ctx context.Context, ca *casim.CA) (*casim.Server, error) {
			return ca.Start(ctx, "127.0.0.1:0")
		}},
		dialect("symantec-rest", "symantec", both(byKey, withChain)),
		dialect("digicertOne", "digicertOne", byKey),
		dialect("digicertOne", "digicertOne", byCertificate),
		dialect("ejbca", "ejbca", byCertificate),
		dialect("ejbca", "ejbca", both(byPassword, withToken)),
		dialect("entrustGateway", "entrustGateway", byCertificate),
		final(dialect("globalSignAtlas", "globalSignAtlas", both(byCertificate, byKeyAndPassword))),
		once(final(dialect("vault", "vault", byCertificate))),
		once(final(dialect("vault", "vault", byPassword))),
		once(final(dialect("sectigo", "sectigo", both(byPassword, setting("customerUri", sectigo.CustomerURI))))),
		listed(dialect("est", "est", both(byPassword, setting("crlUrls", crls)))),
		listed(kind{name: "generic", provider: "generic", login: both(setting("rootUrls", "root.crt"), setting("chainUrls", "chain.pem"), setting("crlUrls", crls)), start: files}),
	}
}

const crls = "crl/user.crl, crl/device.crl"

func dialect(name, provider string, login func(*casim.CA, *casim.Server, *pki.Draft) error) kind {
	return kind{name: name, provider: provider, login: login, start: func(ctx context.Context, ca *casim.CA) (*casim.Server, error) {
		for _, d := range casimall.Dialects() {
			if d.Name == name {
				return ca.StartAs(ctx, "127.0.0.1:0", d)
			}
		}
		return nil, fmt.Errorf("no dialect is called %s", name)
	}}
}

func final(k kind) kind {
	k.final = true
	return k
}

func once(k kind) kind {
	k.once = true
	return k
}

func listed(k kind) kind {
	k.final, k.lists = true, true
	return k
}

// files serves what a CA publishes.
func files(ctx context.Context, ca *casim.CA) (*casim.Server, error) {
	return ca.StartAs(ctx, "127.0.0.1:0", casim.Dialect{Name: "files", Path: "/", Open: true, Handler: func(ca *casim.CA) http.Handler {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /root.crt", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(above(ca, true)) })
		mux.HandleFunc("GET /chain.pem", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(above(ca, false)) })
		mux.HandleFunc("GET /crl/{issuer}", func(w http.ResponseWriter, r *http.Request) {
			issuer, _ := strings.CutSuffix(r.PathValue("issuer"), ".crl")
			der, err := ca.CRL(issuer)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			_, _ = w.Write(der)
		})
		return mux
	}})
}

// above returns, in PEM, the roots of the issuing CAs, or these and what is
// between them and the roots.
func above(ca *casim.CA, roots bool) []byte {
	var out []byte
	for _, i := range ca.Issuers() {
		list := append(slices.Clone(i.Chain), i.Issuing)
		if roots {
			list = list[:0]
			list = append(list, i.Root)
		}
		for _, c := range list {
			if c != nil {
				out = append(out, encode(c.Raw)...)
			}
		}
	}
	return out
}

func both(parts ...func(*casim.CA, *casim.Server, *pki.Draft) error) func(*casim.CA, *casim.Server, *pki.Draft) error {
	return func(ca *casim.CA, server *casim.Server, d *pki.Draft) error {
		for _, part := range parts {
			if err := part(ca, server, d); err != nil {
				return err
			}
		}
		return nil
	}
}

// byCertificate logs in with a fresh client certificate.
func byCertificate(ca *casim.CA, _ *casim.Server, d *pki.Draft) error {
	const year = 365 * 24 * time.Hour
	pfx, password, err := ca.IssueRA("chaos", year)
	d.Credentials.Value.Certificate = pki.Given(secret.New(pfx))
	d.Credentials.Value.CertificatePassword = pki.Given(secret.NewString(password))
	return err
}

func byKey(ca *casim.CA, _ *casim.Server, d *pki.Draft) error {
	d.Credentials.Value.Password = pki.Given(secret.NewString(ca.Login().APIKey))
	return nil
}

func byPassword(ca *casim.CA, _ *casim.Server, d *pki.Draft) error {
	d.Credentials.Value.UserName = pki.Given(ca.Login().User)
	d.Credentials.Value.Password = pki.Given(secret.NewString(ca.Login().Password))
	return nil
}

func byKeyAndPassword(ca *casim.CA, _ *casim.Server, d *pki.Draft) error {
	d.Credentials.Value.UserName = pki.Given(ca.Login().APIKey)
	d.Credentials.Value.Password = pki.Given(secret.NewString(ca.Login().Password))
	return nil
}

func setting(name, value string) func(*casim.CA, *casim.Server, *pki.Draft) error {
	return func(_ *casim.CA, _ *casim.Server, d *pki.Draft) error {
		d.Settings = pki.Given(append(d.Settings.Value, pki.Setting{Name: name, Value: value}))
		return nil
	}
}

// withToken names the authorization server, which stands beside the CA.
func withToken(ca *casim.CA, server *casim.Server, d *pki.Draft) error {
	return setting("tokenUri", strings.TrimSuffix(server.URL, ejbca.Path)+ejbca.TokenPath)(ca, server, d)
}

// withChain sets what is above the issuing CAs, for CAs that do not tell it.
func withChain(ca *casim.CA, server *casim.Server, d *pki.Draft) error {
	var chain []byte
	for _, i := range ca.Issuers() {
		for _, c := range append(slices.Clone(i.Chain), i.Root) {
			chain = append(chain, encode(c.Raw)...)
		}
	}
	return setting("chainCertificates", string(chain))(ca, server, d)
}

func encode(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
