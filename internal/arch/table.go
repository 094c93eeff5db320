package arch

// A room is one row of the import table.
type room struct {
	dir string // below internal/; "x/*" stands for every folder right below x
	// may lists the rooms it may import; "*" is every room, "x/*" those below x.
	may []string
}

// rooms returns the import table: which package may import which. The first
// row that fits counts. Tests may import what they like.
func rooms() []room {
	return []room{
		{"odata", nil},
		{"secret", nil},
		{"secret/*", []string{"secret"}},
		{"trust", nil},
		{"config", nil},
		{"limit", nil},
		{"arch", nil},
		{"pgtest", nil},
		{"casim", []string{"secret"}},
		{"casim/all", []string{"casim", "casim/*"}},
		{"casim/*", []string{"casim", "secret"}}, // a dialect of the simulated CA
		{"provider", []string{"secret"}},
		{"provider/all", []string{"provider", "provider/*"}},
		{"provider/rest", []string{"provider", "secret"}},
		{"provider/published", []string{"provider"}},
		{"provider/*", []string{"provider", "provider/rest", "provider/published", "secret"}},
		{"pki", []string{"odata", "secret", "provider"}},
		{"auth", []string{"pki", "secret"}},
		{"auth/issuer", []string{"auth", "pki", "secret", "limit"}},
		{"auth/oidc", []string{"auth", "secret"}}, // the service as a client of OpenID providers
		// The times in the nouns of pki are odata.DateTime.
		{"syncer", []string{"pki", "odata"}},
		{"notify", []string{"pki", "odata", "provider", "secret"}},
		// The store knows the rooms above it only to say that it fits their interfaces.
		{"store", []string{"pki", "odata", "secret", "provider", "auth", "syncer", "notify"}},
		{"store/storetest", []string{"store", "pgtest", "pki", "odata", "secret", "provider", "auth", "syncer", "notify"}},
		{"graph", []string{"pki", "odata", "auth", "trust", "secret", "provider", "limit"}},
		{"estserver", []string{"pki", "auth", "secret", "limit"}},
		{"web", []string{"pki", "odata", "auth", "auth/oidc", "trust", "secret", "provider", "limit"}},
		{"app", []string{"*"}},
		{"dev", []string{"app", "casim", "casim/*", "config", "graph", "secret"}},
		{"cli", []string{"dev", "app", "config", "graph", "casim", "casim/all", "provider", "provider/all", "secret", "trust"}},
	}
}

// testOnly returns the rooms that only tests and each other may import.
func testOnly() []string {
	return []string{"arch", "pgtest", "provider/providertest", "store/storetest"}
}

// leafLibraries returns the import prefixes outside the standard library that
// each leaf may use. Rooms that are not listed may use any.
func leafLibraries() map[string][]string {
	return map[string][]string{
		"odata":  {"github.com/go-json-experiment/json"},
		"secret": {"golang.org/x/crypto"},
		"trust":  {"github.com/google/uuid", "software.sslmate.com/src/go-pkcs12", "github.com/smallstep/pkcs7"},
		"config": {"github.com/knadh/koanf"},
		"limit":  {"golang.org/x/time"},
		"arch":   nil,
		"pgtest": nil,
		"pki":    {"github.com/google/uuid", "software.sslmate.com/src/go-pkcs12", "golang.org/x"},
	}
}

// noHTTP returns the rooms that must not know HTTP.
func noHTTP() []string { return []string{"odata", "secret", "pki", "trust", "config", "limit"} }

// revealers returns the folders whose code may call secret.Text.Reveal. A new
// entry is a decision about who sees plaintext: say so in the change.
func revealers() []string {
	return []string{
		"internal/auth",     // compares client secrets
		"internal/casim",    // a CA checks the passwords it is sent
		"internal/cli",      // prints what its user asked for
		"internal/notify",   // sends the clientState to the receiver that it belongs to
		"internal/pki",      // seals, and unseals for one sync
		"internal/provider", // sends credentials to the CA
		"internal/secret",   // defines it
	}
}
