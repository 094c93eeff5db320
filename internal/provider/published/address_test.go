package published_test

import (
	"net/url"
	"strings"
	"testing"

	"cloudpki/internal/provider/published"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	base := &url.URL{Scheme: "https", Host: "pki.example", Path: "/ca/"}
	for name, test := range map[string]struct {
		value string
		base  *url.URL
		want  string // joined by blanks
		fault string
	}{
		"none":                {"", nil, "", ""},
		"one":                 {"https://a.example/x.crl", nil, "https://a.example/x.crl", ""},
		"with a query":        {"https://a.example/x?n=1", nil, "https://a.example/x?n=1", ""},
		"several, one twice":  {" https://a.example/x , https://b.example:8443/y,https://a.example/x,", nil, "https://a.example/x https://b.example:8443/y", ""},
		"below the base":      {"x.crl, sub/y.crl", base, "https://pki.example/ca/x.crl https://pki.example/ca/sub/y.crl", ""},
		"path without a base": {"x.crl", nil, "", "no serviceUri"},
		"out of the base":     {"../x.crl", base, "", "below serviceUri"},
		"beside the base":     {"/x.crl", base, "", "below serviceUri"},
		"http":                {"http://a.example/x.crl", nil, "", "hides revocations"},
		"ldap":                {"ldap:///CN=x", nil, "", "https://"},
		"another host":        {"//a.example/x.crl", base, "", "https://"},
		"with a password":     {"https://u:canary@a.example/x", nil, "", "password"},
		"no host":             {"https:///x", nil, "", "place 1"},
		"a wild host":         {"https://a.example,https://b_\x00/", nil, "", "place 2"},
		"a fragment":          {"https://a.example/x#y", nil, "", "fragment"},
		"too many":            {addresses(17), nil, "", "at most 16"},
		"too long":            {"https://a.example/" + strings.Repeat("x", 2048), nil, "", "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, err := published.Addresses(test.value, test.base)
			var got []string
			for _, u := range list {
				got = append(got, u.String())
			}
			if test.fault != "" {
				if err == nil || !strings.Contains(err.Error(), test.fault) || strings.Contains(err.Error(), "canary") {
					t.Errorf("error %v, want %q", err, test.fault)
				}
			} else if err != nil || strings.Join(got, " ") != test.want {
				t.Errorf("%q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func addresses(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("https://a.example/" + strings.Repeat("x", i) + ",")
	}
	return b.String()
}

// What comes out can be called: it is https, has a host, and no password.
func FuzzAddresses(f *testing.F) {
	for _, seed := range []string{"https://a.example/x, y", "http://a", "//b/", "https://[::1]/", "a:b", "%zz", ".//..//x"} {
		f.Add(seed)
	}
	base := &url.URL{Scheme: "https", Host: "pki.example", Path: "/ca/"}
	f.Fuzz(func(t *testing.T, value string) {
		list, err := published.Addresses(value, base)
		if err != nil {
			return
		}
		for _, u := range list {
			if u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
				t.Errorf("%q leads to %s", value, u)
			}
		}
		if err := published.CheckAddresses(value); err != nil {
			t.Errorf("%q is refused by the check: %v", value, err)
		}
	})
}
