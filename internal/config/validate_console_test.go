package config

import (
	"os"
	"strings"
	"testing"
)

// consoleFile is a configuration that trusts two issuers and has the provider
// for the console.
func consoleFile(provider string) string {
	return "auth: {issuers: [{issuer: 'https://a.example', audiences: [b]}, {issuer: 'https://login.example/{tenantid}/v2.0', audiences: [b]}]}\n" +
		"console: {providers: [" + provider + "]}"
}

func TestConsoleProviders(t *testing.T) {
	t.Parallel()
	open, closed := write(t, "open", "s3cret"), write(t, "closed", "s3cret")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	const good = "issuer: 'https://a.example', name: Staff, client_id: c"
	for provider, want := range map[string]string{
		"{" + good + "}": "",
		"{" + good + ", secret_file: " + closed + "}":                              "",
		"{" + good + ", certificate_file: " + open + ", key_file: " + closed + "}": "",

		"{issuer: 'https://a.example', name: Staff}":                                                            "console.providers[0].client_id: must be set",
		"{issuer: 'https://a.example', client_id: c}":                                                           "console.providers[0].name: must be set",
		"{" + good + "}, {issuer: 'https://b.example', name: STAFF, client_id: c}":                              `console.providers[1].name: "STAFF" is the name of another provider too`,
		"{" + good + "}, {issuer: 'https://a.example', name: Others, client_id: c}":                             `console.providers[1].issuer: "https://a.example" is listed twice`,
		"{issuer: 'https://a.exampel', name: Staff, client_id: c}":                                              `console.providers[0].issuer: "https://a.exampel" is not in auth.issuers; did you mean https://a.example?`,
		"{issuer: 'https://login.example/{tenantid}/v2.0', name: Staff, client_id: c}":                          "auth.issuers[1].discovery_uri: must be set",
		"{" + good + ", scope: profile}":                                                                        "console.providers[0].scope: must hold openid",
		"{" + good + ", secret_file: " + open + "}":                                                             "console.providers[0].secret_file: " + open + " can be read by everybody",
		"{" + good + ", secret_file: /none}":                                                                    "console.providers[0].secret_file: /none does not exist",
		"{" + good + ", certificate_file: " + open + "}":                                                        "console.providers[0].key_file: must be set when certificate_file is",
		"{" + good + ", key_file: " + closed + "}":                                                              "console.providers[0].certificate_file: must be set when key_file is",
		"{" + good + ", certificate_file: " + open + ", key_file: " + open + "}":                                "console.providers[0].key_file: " + open + " can be read by everybody",
		"{" + good + ", certificate_file: " + open + ", key_file: " + closed + ", secret_file: " + closed + "}": "console.providers[0].secret_file: contradicts certificate_file",
	} {
		c, err := Load(Sources{File: write(t, "c.yaml", consoleFile(provider))})
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", provider, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: error %v, want one that contains %q", provider, err, want)
		case err == nil && c.Console.Providers[0].Scope != "openid profile":
			t.Errorf("%s: scope %q", provider, c.Console.Providers[0].Scope)
		}
	}
}

// The address of a discovery document is one of the web, over TLS.
func TestDiscoveryAddress(t *testing.T) {
	t.Parallel()
	file := "auth: {issuers: [{issuer: 'https://a.example', audiences: [b], discovery_uri: 'http://a.example/x'}]}"
	const want = `auth.issuers[0].discovery_uri: "http://a.example/x" must begin with https://`
	if _, err := Load(Sources{File: write(t, "c.yaml", file)}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one that contains %q", err, want)
	}
}
