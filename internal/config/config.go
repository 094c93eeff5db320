// Package config is everything an operator can set: one struct whose field
// comments are the manual (docs/configuration.md is made from them), loaded
// from a file, the environment and flags, with every fault told at once.
//
//go:generate go test -run TestManual . -update
package config

import (
	"log/slog"
	"net/netip"
	"time"
)

// A Config is the whole configuration. Default and Load return it complete:
// values that follow from others are filled in.
type Config struct {
	Data     Data     `key:"data"`
	Listen   Listen   `key:"listen"`
	TLS      TLS      `key:"tls"`
	Database Database `key:"database"`
	Keys     Keys     `key:"keys"`
	Issuer   Issuer   `key:"issuer"`
	Auth     Auth     `key:"auth"`
	Console  Console  `key:"console"`
	API      API      `key:"api"`
	Sync     Sync     `key:"sync"`
	Outbound Outbound `key:"outbound"`

	Credentials Credentials `key:"credentials"`
	Trust       Trust       `key:"trust"`
	EST         EST         `key:"est"`

	Notifications Notifications `key:"notifications"`
	Alerts        Alerts        `key:"alerts"`

	Log     Log     `key:"log"`
	Metrics Metrics `key:"metrics"`

	origins map[string]Origin // by key; a key that is absent has its default
}

// Data says where the service keeps its files.
type Data struct {
	// Folder of all that the service writes: the embedded database, the keys and certificates that it makes for itself. It is made with mode 0700 when it does not exist. Back it up as a whole.
	Directory string `key:"directory"`
}

// Listen says where the service is reached.
type Listen struct {
	// Address and port of the HTTPS listener. Port 0 takes a free one. `0.0.0.0:8443` listens on every interface.
	Address string `key:"address"`

	// Origin under which clients reach the service, without a path: `https://pki.example.com`. Links, the metadata and the embedded issuer's name are made from it. When empty it follows from `listen.address`; it must be set when that listens on every interface.
	PublicOrigin string `key:"public_origin"`
}

// TLS is the server's certificate.
type TLS struct {
	// PEM file with the server's certificate and its chain. When empty, the service makes a CA and a certificate of its own in the data directory. The file is read again when it changes.
	CertificateFile string `key:"certificate_file"`

	// PEM file with the private key of `tls.certificate_file`. Nobody but its owner and group may read it.
	KeyFile string `key:"key_file"`

	// Further host names and IP addresses for the certificate that the service makes itself, besides the host of `listen.public_origin` and localhost.
	Hosts []string `key:"hosts"`
}

// Database is where subscriptions are kept.
type Database struct {
	// Address of the database: `sqlite:PATH` for the embedded one, or `postgres://USER:PASSWORD@HOST/NAME`. When empty, `cloudpki.db` in the data directory. A password is better kept out of it: PostgreSQL's own PGPASSFILE is honoured.
	URL DatabaseURL `key:"url"`
}

// Keys protect the credentials of certification authorities.
type Keys struct {
	// File with the root key under which stored credentials are sealed. When empty, `root.key` in the data directory, made at the first start. Without this file the credentials in a backup cannot be opened. Nobody but its owner may read it.
	RootFile string `key:"root_file"`
}

// Issuer is the embedded token issuer, shaped like Microsoft Entra ID.
type Issuer struct {
	// Whether the embedded issuer hands out tokens. Switch it off where Entra ID or another provider in `auth.issuers` does.
	Enabled bool `key:"enabled"`

	// File with the issuer's signing key. When empty, `issuer.key` in the data directory, made at the first start. Nobody but its owner may read it.
	KeyFile string `key:"key_file"`

	// Tenants that tokens may be issued for, each an id as it stands in the token's `tid`. When empty, those of `issuer.clients`.
	Tenants []string `key:"tenants"`

	// Audiences that clients may ask tokens for, besides `listen.public_origin`.
	Audiences []string `key:"audiences"`

	// How long a token is valid, from 1m to 24h.
	TokenLifetime time.Duration `key:"token_lifetime"`

	// How long a signing key is used, from 48h. A new one is listed a day before it signs; an old one stays listed until the last token signed by it has expired. When 0: 90 days (2160h), but for ever with PostgreSQL, whose processes need not share the folder of `issuer.key_file`.
	KeyLifetime time.Duration `key:"key_lifetime"`

	// Clients that may ask for tokens. Set in the file only.
	Clients []Client `key:"clients"`

	// People who may sign in, by code or device code. Set in the file only.
	Users []User `key:"users"`
}

// A Client is a program that may ask the embedded issuer for tokens.
type Client struct {
	// Client id, as the program sends it; unique among the clients.
	ID string `key:"id"`

	// Name for logs and the audit trail.
	Name string `key:"name"`

	// Tenant that the client belongs to.
	Tenant string `key:"tenant"`

	// File that holds the client's secret. Nobody but its owner and group may read it.
	SecretFile string `key:"secret_file"`

	// PEM files with certificates, any of which proves the client instead of a secret.
	CertificateFiles []string `key:"certificate_files"`

	// Whether the client is a program on people's machines, which can keep no secret: it has neither secret nor certificate, and acts for people alone.
	Public bool `key:"public"`

	// Addresses that people may be sent back to after they have signed in, compared as text. They begin with https://, or with http:// for 127.0.0.1 and localhost, where any port fits a public client.
	RedirectURIs []string `key:"redirect_uris"`

	// Permissions that the client may use in a person's name, within what the person may. When empty, all of them.
	Scopes []string `key:"scopes"`

	// Application roles that the client's tokens carry, such as `DeviceManagementConfiguration.ReadWrite.All`.
	Roles []string `key:"roles"`

	// Budget of this client; 0 takes `api.requests_per_minute`.
	RequestsPerMinute int `key:"requests_per_minute"`
}

// A User is a person who may sign in to the embedded issuer.
type User struct {
	// Name to sign in with, such as `ada@example.com`; unique within its tenant.
	Name string `key:"name"`

	// Name for people to read.
	DisplayName string `key:"display_name"`

	// Tenant that the person belongs to.
	Tenant string `key:"tenant"`

	// Argon2id hash of the person's password, as `cloudpki hash-password` prints it.
	PasswordHash PasswordHash `key:"password_hash"`

	// Permissions that the person has and may lend to programs: `DeviceManagementConfiguration.Read.All`, `DeviceManagementConfiguration.ReadWrite.All`.
	Scopes []string `key:"scopes"`
}

// Auth says whose tokens are accepted.
type Auth struct {
	// Token issuers to trust, besides the embedded one. Set in the file only.
	Issuers []TrustedIssuer `key:"issuers"`
}

// A TrustedIssuer is an OpenID Connect provider whose tokens are accepted.
type TrustedIssuer struct {
	// The issuer exactly as it stands in the token's `iss`: `https://login.microsoftonline.com/TENANT/v2.0`.
	Issuer string `key:"issuer"`

	// Address of its signing keys. When empty it is read from the issuer's discovery document.
	JWKSURI string `key:"jwks_uri"`

	// Address of its discovery document. When empty, `issuer` and `/.well-known/openid-configuration`. It must be set for an `issuer` with `{tenantid}` where people sign in to the console.
	DiscoveryURI string `key:"discovery_uri"`

	// Audiences of which the token must carry one.
	Audiences []string `key:"audiences"`

	// Claim that names the tenant, a path with dots. When empty, `tid`. Either this or `tenant` may be set.
	TenantClaim string `key:"tenant_claim"`

	// Tenant of every token of this issuer, where its tokens carry none.
	Tenant string `key:"tenant"`

	// Tenants whose tokens are accepted. When empty, every tenant that the issuer names.
	Tenants []string `key:"tenants"`

	// Claim that holds the permissions, a path with dots: `realm_access.roles` of Keycloak. When empty, `scp`, `scope` or `roles` as Entra ID has them.
	PermissionClaim string `key:"permission_claim"`
}

// Console is where people look at the service with a browser.
type Console struct {
	// OpenID providers where people sign in, besides the embedded issuer, which knows the console by itself. Set in the file only.
	Providers []ConsoleProvider `key:"providers"`
}

// A ConsoleProvider is an OpenID provider that knows the console as a client, with the redirect address `/console/signin/callback` below `listen.public_origin`.
type ConsoleProvider struct {
	// One of `auth.issuers`, by its `issuer`.
	Issuer string `key:"issuer"`

	// Name that people choose it by.
	Name string `key:"name"`

	// Client id of the console at the provider.
	ClientID string `key:"client_id"`

	// File with the secret of the client. Nobody but its owner and group may read it. Without secret and certificate the client is a public one.
	SecretFile string `key:"secret_file"`

	// PEM file with a certificate that proves the client in place of a secret (`private_key_jwt`).
	CertificateFile string `key:"certificate_file"`

	// PEM file with the key of `certificate_file`, RSA or ECDSA. Nobody but its owner and group may read it.
	KeyFile string `key:"key_file"`

	// Scopes to ask for, parted by blanks: `openid profile`, and one that gives an access token for this service where the provider needs it, such as `api://cloudpki/.default` of Entra ID. When empty, `openid profile`.
	Scope string `key:"scope"`
}

// API bounds what clients may ask of the service.
type API struct {
	// Largest request body, counted after decompression.
	MaxBodyBytes Size `key:"max_body_bytes"`

	// Requests answered at the same time; further ones get 503 with Retry-After. A tenant may take half of them, a client a quarter; beyond that they get 429.
	MaxConcurrent int `key:"max_concurrent"`

	// Budget of each client; what is beyond it is answered 429 with Retry-After. 0 sets no bound.
	RequestsPerMinute int `key:"requests_per_minute"`

	// Budget that the clients of one tenant share, besides their own. 0 sets no bound.
	TenantRequestsPerMinute int `key:"tenant_requests_per_minute"`

	// Refused tokens from one address (IPv6: from one /64) before further ones are answered 429. Valid tokens from there are answered all the same.
	FailedTokensPerMinute int `key:"failed_tokens_per_minute"`

	// Origins whose pages may read answers in a browser (CORS): `https://console.example.com`, or `*` for all. They send a bearer token themselves; there are no cookies.
	AllowedOrigins []string `key:"allowed_origins"`
}

// Sync says when certification authorities are visited.
type Sync struct {
	// Longest time between two syncs of a subscription that sets no schedule of its own. A CA may ask for a shorter one.
	Interval time.Duration `key:"interval"`

	// Shortest schedule that a subscription may set.
	MinimumInterval time.Duration `key:"minimum_interval"`

	// Syncs that this process runs at the same time.
	Workers int `key:"workers"`

	// Syncs of one tenant that run at the same time, so that a large tenant does not hold up the others.
	PerTenant int `key:"per_tenant"`

	// Longest time between two complete listings of an inventory. In between, a CA that can tell is asked for what has changed; only a complete listing tells what is missing.
	FullInterval time.Duration `key:"full_interval"`

	// Syncs at the same time of CAs on one host and port, so that no CA is overrun.
	PerHost int `key:"per_host"`

	// Further syncs of this process that wait for a CA that does not answer, besides those of `sync.workers`. A tenant may take a quarter of them, a host an eighth.
	Waiting int `key:"waiting"`

	// Longest time without a sign of life: an answer of the CA, or a page stored. A run that is silent for longer is ended with `timeout`; what it has stored is kept.
	StallTimeout time.Duration `key:"stall_timeout"`

	// Longest run. What it has stored by then is kept; the next run goes on where it ended.
	RunTimeout time.Duration `key:"run_timeout"`

	// How long a run belongs to its process without a sign of life. After that another process takes it over.
	Lease time.Duration `key:"lease"`

	// Largest share of a subscription's certificates, in percent, that may vanish in one sync. Beyond it nothing is marked as missing and the sync fails with `too_many_removals`. 100 accepts all.
	MaxRemovalPercent int `key:"max_removal_percent"`
}

// Credentials says how the credentials of certification authorities are kept.
type Credentials struct {
	// How long credentials that were replaced by `promoteCredentials` are kept, so that `rollbackCredentials` can bring them back, up to 2160h. After that they are removed for good. 0 keeps none.
	KeepPrevious time.Duration `key:"keep_previous"`
}

// Trust says how the roots of certification authorities are replaced and published.
type Trust struct {
	// How long a root that was replaced is distributed beside the new one, up to 8784h. After that it is removed once its CA no longer offers it and no valid certificate needs it, or when it expires.
	Overlap time.Duration `key:"overlap"`

	// PEM file with the certificate that signs trust bundles (`.mobileconfig` as CMS, `manifest.jws` as JWS), then its chain. Devices must trust the root of that chain by other means. When empty, nothing is signed and `manifest.jws` does not exist.
	SigningCertificate string `key:"signing_certificate"`

	// PEM file with the private key of `trust.signing_certificate`: ECDSA P-256 or P-384, or RSA of 2048 bits or more. Nobody but its owner and group may read it. Every process has the same pair; a new one is read at the next start.
	SigningKey string `key:"signing_key"`

	// Files of public trust bundles that one address (IPv6: one /64) may fetch; what is beyond it is answered 429 with Retry-After. Answers that nothing has changed (304) do not count. Every device behind one NAT or proxy has its address. 0 sets no bound.
	FetchesPerMinute int `key:"fetches_per_minute"`
}

// EST says where devices enrol by EST (RFC 7030).
type EST struct {
	// Address and port of an HTTPS listener for EST alone, which asks devices for their certificate, so that they can renew it: `0.0.0.0:8444`. When empty, devices enrol at `listen.address` and cannot renew by certificate.
	Address string `key:"address"`
}

// Outbound bounds the connections to certification authorities and webhooks.
type Outbound struct {
	// Address ranges, besides the public internet, that the service may connect to: `10.20.0.0/16`. Loopback, link-local and private ranges are refused unless they are listed, so that a subscription cannot be used to reach inside the network.
	Allow []netip.Prefix `key:"allow"`

	// Largest answer that is read from another server.
	MaxResponseBytes Size `key:"max_response_bytes"`
}

// Notifications bounds the change notifications that clients subscribe to.
type Notifications struct {
	// Subscriptions to change notifications that a tenant may have.
	MaxPerTenant int `key:"max_per_tenant"`

	// Deliveries that this process makes at the same time to receivers that answer well. Those that fail or are slow share a quarter as many.
	Workers int `key:"workers"`

	// PEM file with further CAs that may have signed the certificates of receivers, besides the system's.
	CAFile string `key:"ca_file"`
}

// Alerts says when the operator is told of what needs a person, and by which ways; without one, the audit trail tells alone.
type Alerts struct {
	// How long the syncs of a subscription may fail before that is told.
	SyncFailingAfter time.Duration `key:"sync_failing_after"`

	// Certificates that end so soon are counted and told once a day for each subscription, up to 8784h. 0 tells none.
	CertificatesWithin time.Duration `key:"certificates_within"`

	// Address that alerts are posted to as CloudEvents, https. It must be public, or lie in `outbound.allow`; its certificate must be signed by a CA of the system or of `notifications.ca_file`. When empty, alerts are not posted.
	WebhookURL string `key:"webhook_url"`

	// Host and port of the mail server. Port 465 speaks TLS from the start, others STARTTLS, which is required but for 127.0.0.1, ::1 and localhost; `notifications.ca_file` counts here too. When empty, no mail is sent.
	SMTPAddress string `key:"smtp_address"`

	// Address of the sender, such as `cloudpki@example.com`.
	SMTPFrom string `key:"smtp_from"`

	// Addresses of the receivers.
	SMTPTo []string `key:"smtp_to"`

	// Name to log in to the mail server with. When empty, the service does not log in.
	SMTPUsername string `key:"smtp_username"`

	// File with the password of `alerts.smtp_username`. Nobody but its owner and group may read it.
	SMTPPasswordFile string `key:"smtp_password_file"`
}

// Log says what is written to standard error.
type Log struct {
	// Least severity that is written: `debug`, `info`, `warn` or `error`.
	Level slog.Level `key:"level"`

	// Form of a line: `text` for people, `json` for collectors.
	Format string `key:"format"`
}

// Metrics says where Prometheus finds the figures.
type Metrics struct {
	// Whether `/metrics` is served.
	Enabled bool `key:"enabled"`

	// Address and port of a plain HTTP listener for `/metrics` alone. When empty, it is served by the HTTPS listener.
	Address string `key:"address"`
}

// Default returns the configuration of a service for which nothing is set.
func Default() Config {
	c := raw()
	c.derive()
	return c
}

// raw returns the defaults that do not follow from other settings.
func raw() Config {
	return Config{
		Data:   Data{Directory: "data"},
		Listen: Listen{Address: "127.0.0.1:8443"},
		Issuer: Issuer{
			Enabled:       true,
			Audiences:     []string{"https://graph.microsoft.com"},
			TokenLifetime: time.Hour,
		},
		API: API{
			MaxBodyBytes:      4 << 20,
			MaxConcurrent:     256,
			RequestsPerMinute: 6000,

			TenantRequestsPerMinute: 24000,
			FailedTokensPerMinute:   600,
		},
		Sync: Sync{
			Interval:          6 * time.Hour,
			MinimumInterval:   15 * time.Minute,
			Workers:           8,
			PerTenant:         4,
			PerHost:           2,
			Waiting:           256,
			StallTimeout:      2 * time.Minute,
			FullInterval:      7 * 24 * time.Hour,
			RunTimeout:        30 * time.Minute,
			Lease:             30 * time.Second,
			MaxRemovalPercent: 25,
		},
		Outbound: Outbound{MaxResponseBytes: 32 << 20},

		Credentials: Credentials{KeepPrevious: 7 * 24 * time.Hour},
		Trust:       Trust{Overlap: 30 * 24 * time.Hour, FetchesPerMinute: 6000},

		Notifications: Notifications{MaxPerTenant: 100, Workers: 32},
		Alerts:        Alerts{SyncFailingAfter: 24 * time.Hour, CertificatesWithin: 14 * 24 * time.Hour},

		Log:     Log{Level: slog.LevelInfo, Format: "text"},
		Metrics: Metrics{Enabled: true},
	}
}
