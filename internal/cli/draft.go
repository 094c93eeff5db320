package cli

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cloudpki/internal/secret"
)

// draftFlags are what subscription create and update send: a member for each
// flag that is given, and nothing else.
type draftFlags struct {
	flags *pflag.FlagSet

	provider, name, description, uri, user string
	pfx, root, serverCA                    string
	pfxPassword, adminPassword             string // files
	settings, clear                        []string
	trustPolicy                            string
	schedule                               time.Duration
	paused                                 bool
	fromJSON                               string
}

func (f *draftFlags) add(cmd *cobra.Command) {
	f.flags = pflag.NewFlagSet("draft", pflag.ContinueOnError)
	f.flags.StringVar(&f.provider, "provider", "", "kind of the CA, as cloudpki provider list names them")
	f.flags.StringVar(&f.name, "name", "", "display name")
	f.flags.StringVar(&f.description, "description", "", "description")
	f.flags.StringVar(&f.uri, "uri", "", "base address of the CA's service, https")
	f.flags.StringArrayVar(&f.settings, "setting", nil, "further setting of the provider, `name=value`; repeat for more")
	f.credentialFlags()
	f.flags.StringVar(&f.root, "root", "", "root certificate that devices trust, PEM or DER `file`")
	f.flags.StringVar(&f.trustPolicy, "trust-policy", "", "what may replace the trusted root by itself: manual (nothing) or automaticForRenewals (default)")
	f.flags.StringVar(&f.serverCA, "server-ca", "", "certificates that may sign that of the CA's server, PEM or DER `file` (default: the system's)")
	f.flags.DurationVar(&f.schedule, "schedule", 0, "time between two syncs: 6h (default: the service's)")
	f.flags.BoolVar(&f.paused, "paused", false, "do not sync by schedule")
	f.flags.StringVar(&f.fromJSON, "from-json", "", "send this JSON `file` as it is, - for standard input, instead of the other flags")
	cmd.Flags().SortFlags = false
	cmd.Flags().AddFlagSet(f.flags)
	_ = cmd.RegisterFlagCompletionFunc("provider", completeProviderFlag) // fails for flags alone that are not there
}

func (f *draftFlags) credentialFlags() {
	f.flags.StringVar(&f.pfx, "pfx", "", "client certificate with its key, PKCS#12 `file`")
	f.flags.StringVar(&f.pfxPassword, "pfx-password-file", "", "`file` with the password of --pfx, - for standard input (default: ask on the terminal)")
	f.flags.StringVar(&f.user, "user", "", "admin user name at the CA")
	f.flags.StringVar(&f.adminPassword, "admin-password-file", "", "`file` with the password of --user, - for standard input (default: ask on the terminal)")
}

// addCredentials adds the flags of credentials alone.
func (f *draftFlags) addCredentials(cmd *cobra.Command) {
	f.flags = pflag.NewFlagSet("credentials", pflag.ContinueOnError)
	f.credentialFlags()
	cmd.Flags().SortFlags = false
	cmd.Flags().AddFlagSet(f.flags)
}

// isGiven reports whether any of the flags was given.
func (f *draftFlags) isGiven() (given bool) {
	f.flags.VisitAll(func(flag *pflag.Flag) { given = given || flag.Changed })
	return given
}

// addClear adds the flag that only a change has.
func (f *draftFlags) addClear(cmd *cobra.Command) {
	f.flags.StringSliceVar(&f.clear, "clear", nil, "`member` to set to null: description, displayName, serviceUri, providerSettings, "+
		"serverCertificateAuthorities, syncSchedule, paused, trustedRootCertificate, trustChangePolicy, or credentials to forget all of them")
	cmd.Flags().AddFlagSet(f.flags)
}

// body returns what to send. Passwords come from files or from the terminal.
func (f *draftFlags) body(ctx context.Context, p *program) (any, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	if f.fromJSON != "" {
		return p.readJSON(f.fromJSON)
	}
	members := map[string]any{}
	for _, step := range []func(map[string]any) error{f.plain, f.providerSettings, f.certificates} {
		if err := step(members); err != nil {
			return nil, err
		}
	}
	credentials, err := f.credentials(ctx, p)
	if err != nil {
		return nil, err
	}
	if len(credentials) > 0 {
		members["credentials"] = credentials
	}
	for _, member := range f.clear {
		if _, given := members[member]; given {
			return nil, misuse("", "--clear %s contradicts the flag that sets it", member)
		}
		members[member] = nil
	}
	if len(members) == 0 {
		return nil, misuse("--help tells the flags", "nothing is given to send")
	}
	return members, nil
}

// readJSON reads a body that is to be sent as it is.
func (p *program) readJSON(path string) (json.RawMessage, error) {
	text, err := p.readInput(path, maxBodyBytes)
	if err != nil {
		return nil, err
	}
	if !json.Valid(text) {
		return nil, misuse("", "what --from-json names is no JSON")
	}
	return text, nil
}

// check refuses flags that contradict each other.
func (f *draftFlags) check() error {
	if f.fromJSON != "" {
		other := ""
		f.flags.VisitAll(func(flag *pflag.Flag) {
			if flag.Changed && flag.Name != "from-json" {
				other = flag.Name
			}
		})
		if other != "" {
			return misuse("put the value into the JSON", "--from-json contradicts --%s", other)
		}
	}
	if f.pfxPassword == stdinName && f.adminPassword == stdinName {
		return misuse("give at least one of them in a file", "only one password can come from standard input")
	}
	if f.pfxPassword != "" && f.pfx == "" {
		return misuse("", "--pfx-password-file needs --pfx")
	}
	return nil
}

// plain sets the members that are one text, number or switch.
func (f *draftFlags) plain(members map[string]any) error {
	for flag, member := range map[string]struct {
		name  string
		value any
	}{
		"provider": {"cloudPkiProvider", f.provider}, "name": {"displayName", f.name}, "description": {"description", f.description},
		"uri": {"serviceUri", f.uri}, "paused": {"paused", f.paused}, "schedule": {"syncSchedule", isoDuration(f.schedule)},
		"trust-policy": {"trustChangePolicy", f.trustPolicy},
	} {
		if f.flags.Changed(flag) {
			members[member.name] = member.value
		}
	}
	if f.flags.Changed("schedule") && f.schedule < time.Second {
		return misuse("write it as 90m or 6h", "--schedule must be at least a second")
	}
	return nil
}

// isoDuration writes a duration as Edm.Duration has it: PT6H0M0S.
func isoDuration(d time.Duration) string { return "PT" + strings.ToUpper(d.String()) }

// providerSettings takes the settings apart.
func (f *draftFlags) providerSettings(members map[string]any) error {
	if len(f.settings) == 0 {
		return nil
	}
	values := map[string]string{}
	for _, s := range f.settings {
		name, value, ok := strings.Cut(s, "=")
		switch _, twice := values[name]; {
		case !ok || name == "":
			return misuse("write it as --setting name=value", "a --setting names no value")
		case twice:
			return misuse("", "--setting %s is given twice", name)
		case namesSecret(strings.ToLower(name)):
			return misuse("credentials go into --pfx and --admin-password-file", "--setting %s would put a secret among the arguments", name)
		}
		values[name] = value
	}
	pairs := make([]map[string]string, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		pairs = append(pairs, map[string]string{"name": name, "value": values[name]})
	}
	members["providerSettings"] = pairs
	return nil
}

// certificates reads the certificates that are no secret.
func (f *draftFlags) certificates(members map[string]any) error {
	if f.root != "" {
		der, err := readRoot(f.root)
		if err != nil {
			return err
		}
		members["trustedRootCertificate"] = der
	}
	if f.serverCA != "" {
		text, err := readServerCAs(f.serverCA)
		if err != nil {
			return err
		}
		members["serverCertificateAuthorities"] = text
	}
	return nil
}

// credentials reads the credentials that are given.
func (f *draftFlags) credentials(ctx context.Context, p *program) (map[string]any, error) {
	members := map[string]any{}
	if f.flags.Changed("user") {
		members["adminUserName"] = f.user
	}
	if f.pfx != "" {
		pfx, err := readPFX(f.pfx)
		if err != nil {
			return nil, err
		}
		password, err := p.password(ctx, f.pfxPassword, "Password of "+f.pfx)
		if err != nil {
			return nil, err
		}
		if password == nil {
			return nil, misuse("--pfx-password-file FILE, or - for standard input; an empty file where there is none", "there is no terminal to ask for the password of %s on", f.pfx)
		}
		members["authenticationCertificate"] = pfx
		members["authenticationCertificatePassword"] = string(password.Reveal())
	}
	if f.user == "" && f.adminPassword == "" {
		return members, nil
	}
	password, err := p.password(ctx, f.adminPassword, "Admin password at the CA (empty for none)")
	if err != nil {
		return nil, err
	}
	if password != nil && !password.IsEmpty() {
		members["adminPassword"] = string(password.Reveal())
	}
	return members, nil
}

// password reads a password from a file, or from the terminal where none is
// named or where standard input is the terminal. It is nil where neither is.
func (p *program) password(ctx context.Context, file, prompt string) (*secret.Text, error) {
	var text secret.Text
	var err error
	switch {
	case p.terminal.in && (file == "" || file == stdinName):
		text, err = p.ask(ctx, prompt)
	case file == "":
		return nil, nil
	default:
		text, err = p.readSecretFile(file)
	}
	return &text, err
}
