package provider

import (
	"net/url"
	"strings"
	"testing"
)

func TestParseServiceURI(t *testing.T) {
	label := strings.Repeat("a", 63)
	name := strings.Repeat(label+".", 3) + strings.Repeat("a", 61) // 253
	for in, want := range map[string]string{
		"https://ca.example":                           "https://ca.example/",
		"https://ca.example:8443/x/":                   "https://ca.example:8443/x/",
		"https://ca.example/pki-ws":                    "https://ca.example/pki-ws/",
		"HTTPS://ca.example/":                          "https://ca.example/",
		"https://CA_1.example-x/":                      "https://CA_1.example-x/",
		"https://localhost:1/":                         "https://localhost:1/",
		"https://ca.example.:65535/":                   "https://ca.example.:65535/",
		"https://1.example/":                           "https://1.example/",
		"https://xn--bcher-kva.example/":               "https://xn--bcher-kva.example/",
		"https://192.0.2.7:443/":                       "https://192.0.2.7:443/",
		"https://[2001:db8::1]:443/":                   "https://[2001:db8::1]:443/",
		"https://[::ffff:192.0.2.7]/":                  "https://[::ffff:192.0.2.7]/",
		"https://" + name + "/":                        "https://" + name + "/",
		"https://ca.example/%C3%BC%20/":                "https://ca.example/%C3%BC%20/",
		"https://c/" + strings.Repeat("x", 2037) + "/": "https://c/" + strings.Repeat("x", 2037) + "/",
	} {
		if u, err := ParseServiceURI(in); err != nil || u.String() != want {
			t.Errorf("ParseServiceURI(%q) = %v, %v; want %q", in, u, err, want)
		}
	}
	for says, addresses := range map[string][]string{
		"not an absolute address":  {"", "ca.example", "https://", "https:///path", "https://:443/", "https:ca.example", "https://[::1/", "https://ca.example:port/", "file:///etc/passwd", "https://ca.example/%zz", "https://ca.example\x00/", "unix:///var/run/docker.sock", "https://u:canary-p@[::1/", "https://ca.example/a b\nc:d@e", "https://ca%00.example/", "https://ca%20.example/"},
		"must begin with https://": {"http://ca.example/", "ftp://ca.example/"},
		"user name or password":    {"https://u@ca.example/", "https://u:canary-p@ca.example/", "https://@ca.example/"},
		"query or a fragment":      {"https://ca.example/?a=b", "https://ca.example/?", "https://ca.example/#f", "https://ca.example/#"},
		"neither a DNS name nor": {
			"https://ca%ff.example.invalid/", "https://ca%C0%80.example/", "https://bücher.example/",
			"https://ca..example/", "https://.example/", "https://ca.example../", "https://./", "https://-ca.example/", "https://ca-.example/", "https://ca!.example/", "https://ca\u200b.example/",
			"https://a" + label + ".example/", "https://a" + name + "/",
			"https://127.1/", "https://2130706433/", "https://1.2.3.256/", "https://ca.1/", "https://[fe80::1%25eth0]/",
		},
		"between 1 and 65535": {"https://ca.example:0/", "https://ca.example:65536/", "https://ca.example:00000/", "https://[::1]:99999999999999999999/"},
		"longer than 2048":    {"https://c/" + strings.Repeat("x", 2039)},
	} {
		for _, in := range addresses {
			if u, err := ParseServiceURI(in); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("ParseServiceURI(%q) = %v, %v; want an error that says %q", in, u, err, says)
			} else if strings.Contains(err.Error(), "canary") {
				t.Errorf("%q: the password is in %v", in, err)
			}
		}
	}
}

// A host that is accepted can stand in any text, and the address reads back as itself.
func FuzzParseServiceURI(f *testing.F) {
	for _, s := range []string{"https://ca%ff.example/", "https://ca.example:8443/x", "https://[::1%25x]/", "https://u:p@x/?#", "https://[::1]:1/a%2fb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseServiceURI(s)
		if err != nil {
			if s != "" && len(s) > 20 && strings.Contains(err.Error(), s) {
				t.Errorf("%q is repeated in %v", s, err)
			}
			return
		}
		if u.Scheme != "https" || u.User != nil || !strings.HasSuffix(u.Path, "/") || strings.ContainsFunc(u.Host, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("%q: accepted as %v", s, u)
		}
		if again, err := url.Parse(u.String()); err != nil || again.Host != u.Host {
			t.Errorf("%q: %q reads back as %v, %v", s, u, again, err)
		}
	})
}
