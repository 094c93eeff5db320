package config

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func TestFaultsNameTheSettingAndTheRemedy(t *testing.T) {
	t.Parallel()
	open := write(t, "open", "s3cret")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	closed := write(t, "closed", "s3cret")
	for _, c := range []struct{ file, want string }{
		// What cannot be read.
		{"sync: {interval: 6hours}", `sync.interval: "6hours" is no duration; write it with its unit, such as 30s, 15m or 6h`},
		{"sync: {interval: 21600}", `sync.interval: "21600" is no duration`},
		{"sync: {workers: 1.5}", `sync.workers: "1.5" is no whole number`},
		{"sync: {workers: [1]}", `sync.workers: must be a single value`},
		{"sync: 5", `sync: is a section; put its settings below it`},
		{"metrics: {enabled: perhaps}", `metrics.enabled: "perhaps" is neither true nor false`},
		{"log: {level: trace}", `log.level: "trace" is no level; write debug, info, warn or error`},
		{"api: {max_body_bytes: 4 MB}", `api.max_body_bytes: "4 MB" is no size`},
		{"outbound: {allow: [10.0.0.1]}", `outbound.allow: "10.0.0.1" is an address, not a range; write 10.0.0.1/32`},
		{"outbound: {allow: [10.0.0.1/8]}", `outbound.allow: "10.0.0.1/8" has bits behind its length; write 10.0.0.0/8`},
		{"outbound: {allow: [intranet]}", `outbound.allow: "intranet" is no address range`},
		{"outbound: {allow: 7}", `outbound.allow: must be a list`},
		{"issuer: {clients: a}", `issuer.clients: must be a list in the configuration file`},
		{"issuer: {clients: [{id: a, tenant: b, secret: c}]}", `issuer.clients[0].secret: unknown setting; did you mean issuer.clients[0].secret_file?`},
		{"tsl: {}", "tsl: unknown setting; did you mean tls?"},

		// What contradicts itself or its bounds.
		{"data: {directory: ''}", "data.directory: must be set"},
		{"listen: {address: localhost}", `listen.address: "localhost" is no address with a port`},
		{"listen: {address: 'localhost:99999'}", `listen.address: "localhost:99999" has no port between 0 and 65535`},
		{"listen: {address: '0.0.0.0:8443'}", "listen.public_origin: must be set"},
		{"listen: {address: ':8443'}", "listen.public_origin: must be set"},
		{"listen: {public_origin: 'http://a.example'}", "listen.public_origin: \"http://a.example\" is no https origin"},
		{"listen: {public_origin: 'https://a.example/'}", "listen.public_origin: \"https://a.example/\" is no https origin"},
		{"tls: {certificate_file: " + closed + "}", "tls.key_file: must be set when tls.certificate_file is"},
		{"tls: {key_file: " + closed + "}", "tls.certificate_file: must be set when tls.key_file is"},
		{"tls: {certificate_file: /none.pem, key_file: " + closed + "}", "tls.certificate_file: /none.pem does not exist"},
		{"tls: {certificate_file: /tmp, key_file: " + closed + "}", "tls.certificate_file: /tmp is no file"},
		{"tls: {certificate_file: " + open + ", key_file: " + open + "}", "tls.key_file: " + open + " can be read by everybody; run: chmod 600 " + open},
		{"trust: {signing_certificate: " + closed + "}", "trust.signing_key: must be set when trust.signing_certificate is"},
		{"trust: {signing_certificate: " + open + ", signing_key: " + open + "}", "trust.signing_key: " + open + " can be read by everybody"},
		{"tls: {hosts: ['https://a.example']}", "tls.hosts: \"https://a.example\" is neither a host name nor an IP address"},
		{"database: {url: 'mysql://a/b'}", "database.url: must begin with sqlite: or postgres://"},
		{"database: {url: 'postgres://a'}", "database.url: names no database"},
		{"database: {url: 'sqlite:'}", "database.url: names no file"},
		{"keys: {root_file: /none.key}", "keys.root_file: /none.key does not exist"},
		{"keys: {root_file: " + open + "}", "keys.root_file: " + open + " can be read by everybody"},
		{"alerts: {webhook_url: 'http://a.example/x'}", "alerts.webhook_url: is no https address"},
		{"alerts: {sync_failing_after: 1s}", "alerts.sync_failing_after: must be between"},
		{"alerts: {smtp_address: mail.example.com}", `alerts.smtp_address: "mail.example.com" is no host with a port`},
		{"alerts: {smtp_address: 'a:25', smtp_from: 'a', smtp_to: [b@c.example]}", `alerts.smtp_from: "a" is no mail address`},
		{"alerts: {smtp_address: 'a:25', smtp_from: a@b.example, smtp_to: [\"a@b.example\\r\\nX: y\"]}", "alerts.smtp_to: "},
		{"alerts: {smtp_address: 'a:25', smtp_from: a@b.example}", "alerts.smtp_to: must be set"},
		{"alerts: {smtp_address: 'a:25', smtp_from: a@b.example, smtp_to: [c@b.example], smtp_username: u}", "alerts.smtp_password_file: must be set"},
		{"alerts: {smtp_address: 'a:25', smtp_from: a@b.example, smtp_to: [c@b.example], smtp_username: u, smtp_password_file: " + open + "}", "alerts.smtp_password_file: " + open + " can be read by everybody"},
		{"issuer: {token_lifetime: 30s}", "issuer.token_lifetime: must be between 1m and 24h, is 30s"},
		{"issuer: {clients: [{}]}", "issuer.clients[0].id: must be set"},
		{"issuer: {clients: [{}]}", "issuer.clients[0].secret_file: must be set, unless certificate_files are"},
		{"issuer: {clients: [{id: a, tenant: b, certificate_files: [" + open + "]}, {id: a, tenant: b, certificate_files: [" + open + "]}]}", `issuer.clients[1].id: "a" is the id of another client too`},
		{"issuer: {tenants: [contoso], clients: [{id: a, tenant: contosso, secret_file: " + closed + "}]}", `issuer.clients[0].tenant: "contosso" is not in issuer.tenants; did you mean contoso?`},
		{"issuer: {clients: [{id: a, tenant: b, public: true, secret_file: " + closed + "}]}", "issuer.clients[0].public: contradicts secret_file"},
		{"issuer: {clients: [{id: a, tenant: b, public: true, redirect_uris: ['']}]}", "issuer.clients[0].redirect_uris: has an empty entry"},
		{"issuer: {key_lifetime: 1h}", "issuer.key_lifetime: must be between 48h and 87840h, is 1h"},
		{"issuer: {users: [{}]}", "issuer.users[0].name: must be set"},
		{"issuer: {users: [{}]}", "issuer.users[0].tenant: must be set"},
		{"issuer: {users: [{name: a, tenant: b, password_hash: hunter2}]}", "issuer.users[0].password_hash: must be a hash as `cloudpki hash-password` prints it"},
		{"issuer: {users: [{name: ada, tenant: b}, {name: Ada, tenant: B}]}", `issuer.users[1].name: "Ada" is the name of another user of the tenant too`},
		{"issuer: {tenants: [contoso], users: [{name: ada, tenant: contosso}]}", `issuer.users[0].tenant: "contosso" is not in issuer.tenants; did you mean contoso?`},
		{"issuer: {enabled: false, users: [{name: a, tenant: b}]}", "issuer.users: are of no use while issuer.enabled is false"},
		{"auth: {issuers: [{issuer: 'https://a.example', audiences: [b], tenants: ['']}]}", "auth.issuers[0].tenants: has an empty entry"},
		{"api: {allowed_origins: ['https://a.example/']}", `api.allowed_origins: "https://a.example/" is no origin`},
		{"api: {failed_tokens_per_minute: 0}", "api.failed_tokens_per_minute: must be between 1 and"},
		{"trust: {fetches_per_minute: -1}", "trust.fetches_per_minute: must be between 0 and"},
		{"issuer: {enabled: false}", "auth.issuers: must name an issuer when issuer.enabled is false"},
		{"auth: {issuers: [{issuer: 'https://a.example'}]}", "auth.issuers[0].audiences: must name at least one"},
		{"auth: {issuers: [{issuer: 'http://a.example', audiences: [b]}]}", `auth.issuers[0].issuer: "http://a.example" must begin with https://`},
		{"auth: {issuers: [{issuer: 'https://a.example', audiences: [b], tenant: c, tenant_claim: d}]}", "auth.issuers[0].tenant_claim: contradicts tenant"},
		{"api: {max_body_bytes: 1}", "api.max_body_bytes: must be between 1 KiB and 1 GiB, is 1"},
		{"sync: {interval: 10m}", "sync.interval: must be between 15m and 8784h, is 10m"},
		{"notifications: {workers: 0}", `notifications.workers: must be between 1 and 1024, is 0`},
		{"notifications: {max_per_tenant: -1}", `notifications.max_per_tenant: must be between 0 and 10000, is -1`},
		{"notifications: {ca_file: /nowhere.pem}", `notifications.ca_file: /nowhere.pem does not exist`},
		{"sync: {workers: 0}", "sync.workers: must be between 1 and 1024, is 0"},
		{"sync: {max_removal_percent: 101}", "sync.max_removal_percent: must be between 0 and 100, is 101"},
		{"metrics: {address: '9090'}", `metrics.address: "9090" is no address with a port`},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			_, err := Load(Sources{File: write(t, "c.yaml", c.file)})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("file %s\nerror %v\nwant  %s", c.file, err, c.want)
			}
		})
	}
}

func TestHTTPIsAllowedToThisMachine(t *testing.T) {
	t.Parallel()
	_, err := Load(Sources{File: write(t, "c.yaml", "auth: {issuers: [{issuer: 'http://127.0.0.1:8080/realms/a', audiences: [b]}, {issuer: 'http://localhost:8080', audiences: [b]}]}")})
	if err != nil {
		t.Error(err)
	}
}

func TestKeysAreForEverWithPostgreSQLUnlessToldOtherwise(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]time.Duration{
		"{}":                                90 * 24 * time.Hour,
		"issuer: {key_lifetime: 720h}":      720 * time.Hour,
		"database: {url: 'postgres://h/d'}": 0,
		"{issuer: {key_lifetime: 720h}, database: {url: 'postgres://h/d'}}": 720 * time.Hour,
	} {
		c, err := Load(Sources{File: write(t, "c.yaml", file)})
		if err != nil || c.Issuer.KeyLifetime != want {
			t.Errorf("%s: %v, %v; want %v", file, c.Issuer.KeyLifetime, err, want)
		}
	}
}

// TestPasswordHashPrintsMasked: a hash lets weak passwords be guessed.
func TestPasswordHashPrintsMasked(t *testing.T) {
	t.Parallel()
	const file = "issuer: {users: [{name: ada, tenant: contoso, password_hash: '$argon2id$canary'}, {name: hunter2, tenant: c, password_hash: hunter2}]}"
	c, err := Load(Sources{File: write(t, "c.yaml", file)})
	var out strings.Builder
	if errPrint := c.Print(&out); errPrint != nil {
		t.Fatal(errPrint)
	}
	if strings.Contains(out.String()+fmt.Sprintf("%v %+v %#v", c.Issuer, c.Issuer, c.Issuer), "canary") {
		t.Errorf("printed: %s", &out)
	}
	if err == nil || strings.Count(err.Error(), "hunter2") != 0 {
		t.Errorf("error %v", err)
	}
}

func TestNoFaultShowsThePassword(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"postgres://u:s3cret@h", "postgres://u:s3cret%zz@h/d", "mysql://u:s3cret@h/d", "s3cret"} {
		_, err := Load(Sources{Flags: map[string]string{"database.url": address}})
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("address %s: error %v, want one without the password", address, err)
		}
	}
}

func TestOriginFollowsFromTheAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"127.0.0.1:8443": "https://127.0.0.1:8443",
		"pki.test:443":   "https://pki.test",
		"[::1]:8443":     "https://[::1]:8443",
		"[::1]:443":      "https://[::1]",
		"127.0.0.1:0":    "", // known once the port is taken
		":8443":          "",
		"[::]:8443":      "",
	} {
		if got := originOf(address); got != want {
			t.Errorf("address %s: origin %q, want %q", address, got, want)
		}
	}
}
