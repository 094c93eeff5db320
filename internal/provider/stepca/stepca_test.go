package stepca_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/stepca"
)

func TestValidateNamesTheMemberAtFault(t *testing.T) {
	t.Parallel()
	root := newIssuer(t, "Root", nil)
	fp := fingerprint(root.cert)
	for name, test := range map[string]struct {
		change func(*provider.Config)
		want   []string
	}{
		"complete":                    {func(*provider.Config) {}, nil},
		"with colons and upper case":  {func(c *provider.Config) { c.Settings["rootFingerprint"] = colons(strings.ToUpper(fp)) }, nil},
		"no address":                  {func(c *provider.Config) { c.ServiceURI = "" }, []string{"serviceUri"}},
		"address without TLS":         {func(c *provider.Config) { c.ServiceURI = "http://ca.example.test" }, []string{"serviceUri"}},
		"no fingerprint":              {func(c *provider.Config) { c.Settings = nil }, []string{"providerSettings/rootFingerprint"}},
		"short fingerprint":           {func(c *provider.Config) { c.Settings["rootFingerprint"] = fp[2:] }, []string{"providerSettings/rootFingerprint"}},
		"fingerprint and server CAs":  {func(c *provider.Config) { c.ServerCAs = root.cert.Raw }, []string{"providerSettings/rootFingerprint"}},
		"server CAs alone":            {func(c *provider.Config) { c.Settings, c.ServerCAs = nil, root.cert.Raw }, nil},
		"server CAs that are no such": {func(c *provider.Config) { c.Settings, c.ServerCAs = nil, []byte("?") }, []string{"serverCertificateAuthorities"}},
		"nothing at all":              {func(c *provider.Config) { *c = provider.Config{} }, []string{"serviceUri", "providerSettings/rootFingerprint"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := provider.Config{ServiceURI: "https://ca.example.test", Settings: map[string]string{"rootFingerprint": fp}}
			test.change(&c)
			var got []string
			for _, p := range stepca.Kind().Validate(c) {
				got = append(got, p.Target)
				if member := p.Target[strings.LastIndex(p.Target, "/")+1:]; !strings.HasPrefix(p.Msg, member) {
					t.Errorf("message %q does not begin with %s", p.Msg, member)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSettingIsCheckedAsValidateDoes(t *testing.T) {
	t.Parallel()
	for _, s := range stepca.Kind().Settings {
		if err := s.Check(s.Example); err != nil {
			t.Errorf("the example of %s: %v", s.Name, err)
		}
		if s.Check("f00d") == nil {
			t.Errorf("%s takes four digits", s.Name)
		}
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	if _, err := newServer(t, nil).open(t).Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestTrustOfTheServer(t *testing.T) {
	t.Parallel()
	ca, other := newServer(t, nil), newServer(t, nil)

	t.Run("wrong fingerprint", func(t *testing.T) {
		t.Parallel()
		c := ca.config()
		c.Settings["rootFingerprint"] = fingerprint(other.root.cert)
		_, err := stepca.Kind().Open(t.Context(), c)
		wantFault(t, err, provider.CodeTLSServer, "has no root with the fingerprint in providerSettings/rootFingerprint")
	})
	t.Run("another certificate given for the fingerprint", func(t *testing.T) {
		t.Parallel()
		want := fingerprint(other.root.cert)
		liar := newServer(t, map[string]http.HandlerFunc{"/root/" + want: answer(http.StatusOK, map[string]string{"ca": encode(ca.root.cert)})})
		c := liar.config()
		c.Settings["rootFingerprint"] = want
		_, err := stepca.Kind().Open(t.Context(), c)
		wantFault(t, err, provider.CodeTLSServer, "has no root with the fingerprint")
	})
	t.Run("the right root handed out by a server of another CA", func(t *testing.T) {
		t.Parallel()
		thief := newServer(t, map[string]http.HandlerFunc{"/root/" + fingerprint(ca.root.cert): answer(http.StatusOK, map[string]string{"ca": encode(ca.root.cert)})})
		c := thief.config()
		c.Settings["rootFingerprint"] = fingerprint(ca.root.cert)
		s, err := stepca.Kind().Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Probe(t.Context())
		wantFault(t, err, provider.CodeTLSServer, "not signed under the root in providerSettings/rootFingerprint")
	})
	t.Run("server CAs of another CA", func(t *testing.T) {
		t.Parallel()
		c := ca.config()
		c.Settings, c.ServerCAs = nil, other.root.cert.Raw
		s, err := stepca.Kind().Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Probe(t.Context())
		wantFault(t, err, provider.CodeTLSServer, "unknown CA")
	})
	t.Run("server CAs of the CA", func(t *testing.T) {
		t.Parallel()
		c := ca.config()
		c.Settings, c.ServerCAs = nil, ca.root.cert.Raw
		s, err := stepca.Kind().Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.Probe(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Only the CA itself can end the schedule, not a proxy before it.
func TestForeignRefusalsAreTriedAgain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		retry  provider.RetryClass
	}{
		"HTML":                 {raw(http.StatusForbidden, []byte("<html>")), provider.RetryNever},
		"a gateway's JSON":     {answer(http.StatusForbidden, map[string]string{"message": "Forbidden"}), provider.RetryNever},
		"another status in it": {answer(http.StatusForbidden, map[string]any{"status": 500, "message": "no"}), provider.RetryNever},
		"the CA's own":         {fault(http.StatusForbidden, "no"), provider.RetryCredentials},
		"the CA's own 401":     {fault(http.StatusUnauthorized, "no"), provider.RetryCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newServer(t, map[string]http.HandlerFunc{"/roots": test.answer}).open(t).Probe(t.Context())
			var e *provider.Error
			if !errors.As(err, &e) || e.RetryClass() != test.retry {
				t.Errorf("got %v, want retry class %s", err, test.retry)
			}
		})
	}
}

// TestFaults goes through what a server may say instead of what was asked for.
func TestFaults(t *testing.T) {
	t.Parallel()
	big := []byte(`{"status":"` + strings.Repeat("a", 1<<20) + `"}`)
	for name, test := range map[string]struct {
		path   string
		answer http.HandlerFunc
		code   provider.Code
		text   string
	}{
		"not healthy":             {"/health", answer(http.StatusOK, map[string]string{"status": "sealed\x00"}), provider.CodeUpstreamFault, "its status is 'sealed'"},
		"health is no JSON":       {"/health", raw(http.StatusOK, []byte("<html>")), provider.CodeParse, "is it a step-ca?"},
		"health is too large":     {"/health", raw(http.StatusOK, big), provider.CodeProtocol, "larger than"},
		"no such path":            {"/health", http.NotFound, provider.CodeProtocol, "check serviceUri"},
		"roots forbidden":         {"/roots", fault(http.StatusForbidden, "error getting\nroots"), provider.CodePermission, "HTTP 403: error getting roots"},
		"a login before the CA":   {"/roots", raw(http.StatusUnauthorized, nil), provider.CodeCredentialInvalid, "HTTP 401"},
		"the CA's own fault":      {"/roots", fault(http.StatusInternalServerError, "database is locked"), provider.CodeUpstreamFault, "HTTP 500: database is locked (req-1)"},
		"a proxy's fault":         {"/roots", raw(http.StatusBadGateway, []byte("<html>")), provider.CodeUpstream5xx, "HTTP 502"},
		"too many calls":          {"/roots", raw(http.StatusTooManyRequests, nil), provider.CodeRateLimited, "too many"},
		"redirect":                {"/roots", http.RedirectHandler("https://elsewhere.example.test/", http.StatusFound).ServeHTTP, provider.CodeProtocol, "redirects"},
		"no roots":                {"/roots", certificates(), provider.CodeParse, "tells no roots"},
		"roots are null":          {"/roots", answer(http.StatusCreated, nil), provider.CodeParse, "tells no roots"},
		"a root is no PEM":        {"/roots", answer(http.StatusCreated, map[string]any{"crts": []string{"?"}}), provider.CodeParse, "certificate 1 in /roots"},
		"a root is no text":       {"/roots", answer(http.StatusCreated, map[string]any{"crts": []int{1}}), provider.CodeParse, "/roots"},
		"too many roots":          {"/roots", answer(http.StatusCreated, map[string]any{"crts": make([]string, 65)}), provider.CodeProtocol, "lists 65 certificates"},
		"another success than OK": {"/roots", raw(http.StatusAccepted, nil), provider.CodeProtocol, "HTTP 202"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newServer(t, map[string]http.HandlerFunc{test.path: test.answer}).open(t).Probe(t.Context())
			wantFault(t, err, test.code, test.text)
		})
	}
}

func TestBootstrapAnswerIsNoCertificate(t *testing.T) {
	t.Parallel()
	root := newIssuer(t, "Root", nil).cert
	for name, body := range map[string]http.HandlerFunc{
		"HTML":             raw(http.StatusOK, []byte("<html>")),
		"no member":        answer(http.StatusOK, map[string]string{}),
		"two certificates": answer(http.StatusOK, map[string]string{"ca": encode(root) + encode(root)}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, map[string]http.HandlerFunc{"/root/" + fingerprint(root): body})
			c := s.config()
			c.Settings["rootFingerprint"] = fingerprint(root)
			_, err := stepca.Kind().Open(t.Context(), c)
			wantFault(t, err, provider.CodeParse, "")
		})
	}
}

func TestDeadServer(t *testing.T) {
	t.Parallel()
	ca := newServer(t, nil)
	s := ca.open(t)
	ca.Close()
	_, err := s.Probe(t.Context())
	wantFault(t, err, provider.CodeConnect, "")
	_, err = stepca.Kind().Open(t.Context(), ca.config())
	wantFault(t, err, provider.CodeConnect, "")
}

func TestSlowServer(t *testing.T) {
	t.Parallel()
	ca := newServer(t, map[string]http.HandlerFunc{"/health": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }})
	c := ca.config()
	c.Transport = provider.NewTransport(provider.TransportOptions{Allow: loopback(), Timeout: 300 * time.Millisecond})
	s, err := stepca.Kind().Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Probe(t.Context())
	wantFault(t, err, provider.CodeTimeout, "")
}

func colons(hex string) string {
	var pairs []string
	for i := 0; i < len(hex); i += 2 {
		pairs = append(pairs, hex[i:i+2])
	}
	return strings.Join(pairs, ":")
}

// wantFault checks an error's code and that its public face holds text.
func wantFault(t *testing.T, err error, code provider.Code, text string) {
	t.Helper()
	var fault *provider.Error
	switch {
	case !errors.As(err, &fault):
		t.Errorf("got %v, want an error with code %s", err, code)
	case fault.Code != code || !strings.Contains(fault.Error(), text):
		t.Errorf("got %q (cause %v), want code %s and text %q", fault.Error(), fault.Err, code, text)
	}
}
