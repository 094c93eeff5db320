package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cloudpki/internal/casim"
	casimall "cloudpki/internal/casim/all"
)

// mpki8 is the API that the simulated CA speaks by itself.
const mpki8 = "symantec"

// simulation is what the flags of `cloudpki casim` say.
type simulation struct {
	kinds                           []string
	listen, folder, fault, schedule string
	certificates, pageSize, faults  int
	seed                            uint64
}

func (p *program) casimCommand() *cobra.Command {
	var o simulation
	cmd := &cobra.Command{
		Use: "casim", Short: "Run a simulated certification authority that misbehaves on demand", Args: cobra.NoArgs,
		Long: "Runs a simulated certification authority: a real root with issuing CAs and real certificates behind the API of\n" +
			"the kind that is named, over TLS. Where a service has no sandbox, connectors can be tried on it, also on what the\n" +
			"real one does once in a year: `cloudpki casim faults` lists the ways to misbehave.\n\n" +
			"Several kinds are several services of one CA, with the same certificates: what a move from one to another meets.\n" +
			"The first listens on --listen, each further one on the port behind.\n\n" +
			"It writes what a subscription needs into its directory and reads commands from standard input, one a line; help\n" +
			"lists them. It stays until Ctrl-C or the command quit.",
		Example: "  cloudpki casim --kind ejbca --issue 1000\n  cloudpki casim --kind symantec,digicertOne\n  cloudpki casim --schedule 'honest*3 rate-limited*2 cut*1'\n  cloudpki casim --seed 42 --faults 10",
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&o.kinds, "kind", []string{mpki8}, "`API` to speak, one or several with commas between: "+strings.Join(simulatedKinds(), ", "))
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8448", "address of the CA; port 0 takes a free one")
	flags.StringVar(&o.folder, "dir", "./casim", "directory of keys and records; made where missing")
	flags.IntVar(&o.certificates, "issue", 125, "certificates of a fresh CA")
	flags.IntVar(&o.pageSize, "page-size", 50, "records of one answer")
	flags.StringVar(&o.fault, "fault", "", "misbehave so from the start")
	flags.StringVar(&o.schedule, "schedule", "", "misbehave by a schedule: FAULT*CALLS ..., honest*CALLS between")
	flags.Uint64Var(&o.seed, "seed", 0, "misbehave by a random schedule, which is printed; the same seed gives the same")
	flags.IntVar(&o.faults, "faults", 10, "faults of a random schedule")
	cmd.MarkFlagsMutuallyExclusive("fault", "schedule", "seed")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		plan, err := o.plan(cmd.Flags().Changed("seed"))
		if err != nil {
			return misuse("`cloudpki casim faults` lists the faults", "%v", err)
		}
		return p.simulate(cmd.Context(), o, plan)
	}
	_ = cmd.RegisterFlagCompletionFunc("kind", completeSimulated) // fails for flags alone that are not there
	cmd.AddCommand(p.casimFaultsCommand())
	return cmd
}

func (p *program) casimFaultsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "faults", Short: "List the ways in which the simulated CA can misbehave", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			for _, f := range casim.Faults() {
				if _, err := fmt.Fprintf(p.out, "%-26s %s\n", f.Name, f.Doc); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func simulatedKinds() []string {
	names := []string{mpki8}
	for _, d := range casimall.Dialects() {
		names = append(names, d.Name)
	}
	return names
}

// plan returns how to misbehave from the start; nil for honesty.
func (o simulation) plan(seeded bool) (casim.Schedule, error) {
	switch {
	case o.schedule != "":
		return casim.ParseSchedule(o.schedule)
	case seeded:
		return casim.RandomSchedule(o.seed, o.faults, nil), nil
	case o.fault != "":
		const forEver = 1 << 30
		return casim.ParseSchedule(fmt.Sprintf("%s*%d", o.fault, forEver))
	}
	return nil, nil
}

// simulate runs the CA until ctx ends or the command quit.
func (p *program) simulate(ctx context.Context, o simulation, plan casim.Schedule) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if err := os.MkdirAll(o.folder, 0o700); err != nil {
		return fmt.Errorf("make the directory of the simulated CA: %w", err)
	}
	ca, err := casim.New(casim.Options{Dir: o.folder, PageSize: o.pageSize})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ca.Close()) }()
	if len(ca.Certificates()) == 0 && o.certificates > 0 {
		if _, err := ca.Issue(o.certificates); err != nil {
			return fmt.Errorf("issue certificates: %w", err)
		}
	}
	servers, err := p.startKinds(ctx, o, ca)
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.Close())
		}
	}()
	if err != nil {
		return err
	}
	if err := p.writeSimulation(o, ca); err != nil {
		return err
	}
	if plan != nil {
		p.say("Schedule:     %s", plan)
		ca.Follow(plan)
	}
	return p.console(ctx, stop, ca)
}

// startKinds starts a service of each kind and says where they are. With its
// error come those that run already.
func (p *program) startKinds(ctx context.Context, o simulation, ca *casim.CA) (servers []*casim.Server, err error) {
	address := o.listen
	for _, kind := range o.kinds {
		server, err := startKind(ctx, ca, kind, address)
		if err != nil {
			return servers, err
		}
		servers = append(servers, server)
		p.say("Simulated CA: %s at %s (%d certificates)", kind, server.URL, len(ca.Certificates()))
		if address, err = nextPort(address); err != nil {
			return servers, err
		}
	}
	return servers, nil
}

func startKind(ctx context.Context, ca *casim.CA, kind, address string) (*casim.Server, error) {
	if kind == mpki8 {
		return ca.Start(ctx, address)
	}
	all := casimall.Dialects()
	i := slices.IndexFunc(all, func(d casim.Dialect) bool { return d.Name == kind })
	if i < 0 {
		return nil, misuse("", "--kind is %q; it must be one of %s", kind, strings.Join(simulatedKinds(), ", "))
	}
	return ca.StartAs(ctx, address, all[i])
}

// nextPort is the address with the port behind; a free port stays one.
func nextPort(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", misuse("write it as 127.0.0.1:8448", "--listen: %v", err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", misuse("write it as 127.0.0.1:8448", "--listen: the port %q is not a number", port)
	}
	if n > 0 {
		n++
	}
	return net.JoinHostPort(host, strconv.FormatUint(n, 10)), nil
}

// writeSimulation writes the credentials into the directory and says where.
func (p *program) writeSimulation(o simulation, ca *casim.CA) error {
	pfx, password, err := ca.IssueRA("casim RA", 365*24*time.Hour)
	if err != nil {
		return fmt.Errorf("issue a client certificate: %w", err)
	}
	login := ca.Login()
	files := []struct {
		name    string
		content string
		what    string
	}{
		{"server-ca.pem", string(ca.ServerCAs()), "signs the server"},
		{"client.p12", string(pfx), "client certificate"},
		{"client-password", password, "its password"},
		{"password", login.Password, "password of the user " + login.User},
		{"api-key", login.APIKey, "API key"},
	}
	for _, f := range files {
		path := filepath.Join(o.folder, f.name)
		if err := os.WriteFile(path, []byte(f.content), 0o600); err != nil {
			return fmt.Errorf("write credentials: %w", err)
		}
		p.say("  %-28s %s", path, f.what)
	}
	return nil
}

// say prints one line for a person.
func (p *program) say(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, format+"\n", args...) // a broken pipe ends the program elsewhere
}

// console carries out commands from standard input until its end, which leaves
// the CA running, quit, or the end of ctx.
func (p *program) console(ctx context.Context, stop context.CancelFunc, ca *casim.CA) error {
	lines := make(chan string)
	go p.readLines(ctx, lines) // ends with ctx at the next line, and with the process at the latest
	for {
		select {
		case <-ctx.Done():
			p.say("Stopped.")
			return nil
		case line, ok := <-lines:
			if !ok {
				lines = nil
				continue
			}
			if line == "quit" {
				stop()
				continue
			}
			answer, err := command(ca, strings.Fields(line))
			if err != nil {
				answer = "error: " + err.Error()
			}
			p.say("%s", cmp.Or(answer, "done"))
		}
	}
}
