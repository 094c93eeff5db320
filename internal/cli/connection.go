package cli

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"cloudpki/internal/secret"
)

// defaultConnection is the file that `cloudpki dev` writes.
const defaultConnection = "data/dev.json"

// A connection says where the service is and who calls it.
type connection struct {
	origin       string // of the service: "https://127.0.0.1:8443"
	authority    string // where tokens come from, without the tenant
	tenant       string
	clientID     string
	clientSecret secret.Text
	caFile       string      // PEM, the CAs to trust; "" for the system's
	token        secret.Text // a ready token; then the rest is not needed
	login        *login      // of a person who has signed in; then the rest is not needed either
}

// A caller is who a connection is to be for.
type caller int

const (
	asStored caller = iota // the client of the settings, or who has signed in
	asPerson               // somebody who is about to sign in: no secret is needed
)

// connectionFlags are the flags of every command that calls the service. The
// address and what belongs to it come from a file or from settings, never from
// a mixture, so that the secret of one service is not shown to another.
type connectionFlags struct {
	file     string
	settings map[string]*string // by name: "url", "client-id"
}

// connectionSettings are the settings without a connection file. The variable
// of each is CLOUDPKI_ and its name: CLOUDPKI_CLIENT_ID.
func connectionSettings() [][2]string {
	return [][2]string{
		{"url", "origin of the service: https://pki.example.com"},
		{"authority", "issuer of tokens, without the tenant (default: the service's own)"},
		{"tenant", "tenant to log in to"},
		{"client-id", "client to log in as"},
		{"client-secret-file", "file with the client's secret"},
		{"ca-file", "PEM file with the CAs to trust (default: the system's)"},
		{"token-file", "file with a ready access token, instead of a login"},
	}
}

// connectionVariables are the variables that the commands read, besides those
// of the service's configuration.
func connectionVariables() []string {
	names := []string{"CLOUDPKI_CONNECTION"}
	for _, s := range connectionSettings() {
		names = append(names, variableOf(s[0]))
	}
	return names
}

func variableOf(setting string) string {
	return "CLOUDPKI_" + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
}

// add gives a command the flags. Those of all commands share their values,
// as only one command runs.
func (f *connectionFlags) add(cmd *cobra.Command) {
	if f.settings == nil {
		f.settings = map[string]*string{}
	}
	flags := cmd.PersistentFlags()
	flags.StringVar(&f.file, "connection", "", "connection file, such as the dev.json of cloudpki dev (CLOUDPKI_CONNECTION; default "+defaultConnection+" where it exists)")
	for _, s := range connectionSettings() {
		if f.settings[s[0]] == nil {
			f.settings[s[0]] = new(string)
		}
		flags.StringVar(f.settings[s[0]], s[0], "", s[1]+" ("+variableOf(s[0])+")")
	}
}

// loadConnection finds out which service to call: the flags count first, then
// the environment, then what `cloudpki login` keeps, then the file that
// `cloudpki dev` leaves.
func (p *program) loadConnection(who caller) (connection, error) {
	byFlag := false
	for _, value := range p.connection.settings {
		byFlag = byFlag || *value != ""
	}
	file, byEnv := p.env("CLOUDPKI_CONNECTION"), p.env(variableOf("url")) != ""
	switch {
	case p.connection.file != "" && byFlag:
		return connection{}, misuse("give either a connection file or the single settings", "--connection contradicts --url and the flags that go with it")
	case p.connection.file != "":
		return readConnection(p.connection.file, who)
	case byFlag:
		return p.connectionOfSettings(who)
	case file != "" && byEnv:
		return connection{}, misuse("unset one of the two variables", "CLOUDPKI_CONNECTION contradicts CLOUDPKI_URL")
	case file != "":
		return readConnection(file, who)
	case byEnv:
		return p.connectionOfSettings(who)
	}
	if who == asStored {
		if l, found, err := p.readLogin(); err != nil || found {
			return connection{origin: l.Origin, caFile: l.CAFile, login: &l}, err
		}
	}
	if _, err := os.Stat(defaultConnection); err == nil {
		return readConnection(defaultConnection, who)
	}
	return connection{}, misuse(
		"cloudpki dev starts a service here and writes "+defaultConnection+"; for another one give --connection FILE,\n"+
			"or set CLOUDPKI_URL, CLOUDPKI_TENANT, CLOUDPKI_CLIENT_ID and CLOUDPKI_CLIENT_SECRET_FILE (and CLOUDPKI_CA_FILE for a CA of its own)",
		"no service is named")
}

// A connectionFile is the JSON of a connection file. Members that it does not
// know are left alone: dev.json holds more.
type connectionFile struct {
	BaseURL      string `json:"base_url"` // with or without /beta
	Authority    string `json:"authority"`
	Tenant       string `json:"tenant"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	PublicID     string `json:"public_client_id"` // for people who sign in
	CA           string `json:"ca_pem"`           // path
}

// readConnection reads a connection file. A relative path in it is relative to
// the folder where the command runs, as it was for whoever wrote it.
func readConnection(path string, who caller) (connection, error) {
	text, err := readFile(path, maxConnectionBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return connection{}, misuse("cloudpki dev writes one into its data directory: DATA/dev.json", "the connection file %s does not exist", path)
	}
	if err != nil {
		return connection{}, err
	}
	var f connectionFile
	if err := json.Unmarshal(text, &f); err != nil {
		// The cause could show a piece of the file, and so of a secret.
		return connection{}, misuse("it must hold a JSON object with base_url, tenant, client_id and client_secret", "the connection file %s is not understood", path)
	}
	c := connection{
		origin: f.BaseURL, authority: f.Authority, tenant: f.Tenant,
		clientID: f.ClientID, clientSecret: secret.NewString(f.ClientSecret), caFile: f.CA,
	}
	hint := func(member string) string { return "add " + member + " to " + path }
	if who == asPerson {
		c.clientID, c.clientSecret = f.PublicID, secret.Text{}
		return c, c.check(memberNames{"base_url", "tenant", "public_client_id", ""}, hint)
	}
	return c, c.check(memberNames{"base_url", "tenant", "client_id", "client_secret"}, hint)
}

// connectionOfSettings takes the single settings from flags and environment.
func (p *program) connectionOfSettings(who caller) (connection, error) {
	value := func(name string) string {
		if v := *p.connection.settings[name]; v != "" {
			return v
		}
		return p.env(variableOf(name))
	}
	c := connection{
		origin: value("url"), authority: value("authority"), tenant: value("tenant"),
		clientID: value("client-id"), caFile: value("ca-file"),
	}
	for name, into := range map[string]*secret.Text{"client-secret-file": &c.clientSecret, "token-file": &c.token} {
		path := value(name)
		if path == "" {
			continue
		}
		text, err := p.readSecretFile(path)
		if err != nil {
			return connection{}, err
		}
		*into = text
	}
	hint := func(name string) string { return "give --" + name + " or set " + variableOf(name) }
	if who == asPerson {
		return c, c.check(memberNames{"url", "tenant", "client-id", ""}, hint)
	}
	return c, c.check(memberNames{"url", "tenant", "client-id", "client-secret-file"}, hint)
}

// memberNames are what the parts of a connection are called where it comes
// from; "" is not needed.
type memberNames struct{ origin, tenant, clientID, clientSecret string }

// check completes c and refuses one that lacks something; hint says how to
// give it.
func (c *connection) check(names memberNames, hint func(name string) string) error {
	c.origin = strings.TrimSuffix(strings.TrimRight(c.origin, "/"), "/beta")
	if c.authority == "" {
		c.authority = c.origin
	}
	c.authority = strings.TrimRight(c.authority, "/")
	hasToken := !c.token.IsEmpty()
	for _, needed := range []struct {
		name  string
		given bool
	}{
		{names.origin, c.origin != ""},
		{names.tenant, c.tenant != "" || hasToken},
		{names.clientID, c.clientID != "" || hasToken},
		{names.clientSecret, !c.clientSecret.IsEmpty() || hasToken},
	} {
		if !needed.given && needed.name != "" {
			return misuse(hint(needed.name), "the connection lacks %s", needed.name)
		}
	}
	for _, address := range []string{c.origin, c.authority} {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
			return misuse("write it as https://HOST or https://HOST:PORT, without user and password", "the address of the service or of its authority is no https address")
		}
	}
	return nil
}
