package cli

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

func (p *program) trustDiffCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "diff SUBSCRIPTION", Short: "Compare the roots that wait for a decision with the trusted one", Args: one("SUBSCRIPTION"),
		Long: "Shows each quarantined root beside the one in force: lines with - are of the trusted root, lines with + of the\n" +
			"quarantined one, lines without a mark are the same in both.",
		ValidArgsFunction: p.completeSubscription,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		service, err := p.service()
		if err != nil {
			return err
		}
		set, err := readTrust(cmd.Context(), service, args[0])
		if err != nil {
			return err
		}
		if p.output == outputJSON {
			return p.writeJSON(set.changes(p.now()))
		}
		waiting := set.in("quarantined")
		if len(waiting) == 0 {
			p.note("no root waits for a decision")
			return nil
		}
		for _, a := range waiting {
			if err := p.writeDiff(p.out, p.terminal.out, set.trusted, a); err != nil {
				return err
			}
		}
		p.note("%s", howToCompare)
		p.note("then cloudpki trust approve %s SHA256 --comment \"where it was published\", or cloudpki trust reject", args[0])
		return nil
	}
	return cmd
}

// howToCompare says how a root is known to be the CA's.
const howToCompare = "compare the SHA-256 with the CA's own publication, by another way than this service: its repository or practice statement, over https or on paper, or a call to a number that you know"

// A trustSet is what a subscription trusts and what its CA offers.
type trustSet struct {
	subscription graph.Subscription
	trusted      *graph.Authority // the root in force; nil for none
	authorities  []graph.Authority
}

// readTrust reads the trust of a subscription. What is trusted is what the
// subscription names, also where the CA does not show it.
func readTrust(ctx context.Context, service *graph.Client, id string) (set trustSet, err error) {
	if set.subscription, err = service.Subscription(ctx, id); err != nil {
		return set, err
	}
	for a, err := range service.Authorities(ctx, id, graph.ListOptions{Top: maxPage}) {
		if err != nil {
			return set, err
		}
		set.authorities = append(set.authorities, a)
	}
	c, err := x509.ParseCertificate(set.subscription.TrustedRoot)
	if err != nil {
		return set, nil // none yet, or bytes that are no certificate: nothing is in force
	}
	sum := sha256.Sum256(c.Raw)
	set.trusted = &graph.Authority{
		ID: hex.EncodeToString(sum[:]), Kind: "root", State: "trusted", Subject: c.Subject.String(), Issuer: c.Issuer.String(),
		Serial: c.SerialNumber.Text(16), NotBefore: c.NotBefore, NotAfter: c.NotAfter, DER: c.Raw,
	}
	return set, nil
}

// in returns the roots in a state.
func (s trustSet) in(state string) (roots []graph.Authority) {
	for _, a := range s.authorities {
		if a.Kind == "root" && a.State == state {
			roots = append(roots, a)
		}
	}
	return roots
}

// A trustChange is a quarantined root, as JSON has it.
type trustChange struct {
	Thumbprint string   `json:"thumbprint"`
	Subject    string   `json:"subjectName"`
	Reason     *string  `json:"stateReason"`
	Replaces   *string  `json:"trustedThumbprint"` // null where nothing is trusted
	Differs    []string `json:"differs"`
}

// changes tells of each quarantined root in what it differs from the trusted one.
func (s trustSet) changes(now time.Time) []trustChange {
	changes := []trustChange{}
	for _, a := range s.in("quarantined") {
		c := trustChange{Thumbprint: a.ID, Subject: a.Subject, Reason: a.StateReason, Differs: []string{}}
		if s.trusted != nil {
			c.Replaces = &s.trusted.ID
		}
		for _, pair := range compare(s.trusted, a, now) {
			if pair.before != pair.after {
				c.Differs = append(c.Differs, pair.name)
			}
		}
		changes = append(changes, c)
	}
	return changes
}

// writeJSON writes a value that is our own as JSON.
func (p *program) writeJSON(value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err = fmt.Fprintln(p.out, string(text))
	return err
}

// A pair is one property of two roots.
type pair struct {
	name, before, after string
}

// compare sets the properties of two roots beside each other; trusted may be nil.
func compare(trusted *graph.Authority, a graph.Authority, now time.Time) []pair {
	var pairs []pair
	for _, f := range identity(a, now) {
		pairs = append(pairs, pair{name: f.name, after: f.value})
	}
	if trusted != nil {
		for i, f := range identity(*trusted, now) {
			pairs[i].before = f.value
		}
	}
	return pairs
}

// identity is what tells one root from another.
func identity(a graph.Authority, now time.Time) []field {
	return []field{
		{name: "subject", value: a.Subject},
		{name: "issuer", value: a.Issuer},
		{name: "serial", value: a.Serial},
		{name: "key", value: describeKey(a.DER)},
		{name: "not before", value: when(&a.NotBefore, now)},
		{name: "not after", value: when(&a.NotAfter, now)},
		{name: "SHA-256", value: a.ID},
	}
}

// describeKey names the key of a certificate by its kind, its size and the
// SHA-256 of its SubjectPublicKeyInfo.
func describeKey(der []byte) string {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return "-"
	}
	kind := c.PublicKeyAlgorithm.String()
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		kind = fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		kind = "ECDSA " + key.Params().Name
	}
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return kind + ", SHA-256 " + hex.EncodeToString(sum[:])
}

// writeDiff writes a root beside the trusted one. toTerminal says whether w is
// one.
func (p *program) writeDiff(w io.Writer, toTerminal bool, trusted *graph.Authority, a graph.Authority) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n", p.paint(bold, printable(a.State+": "+orDash(a.StateReason)), toTerminal))
	if trusted == nil {
		fmt.Fprintln(&b, "nothing is trusted yet")
	}
	line := func(mark string, c colour, name, value string) {
		const nameWidth = 10
		text := mark + " " + name + strings.Repeat(" ", nameWidth-len(name)) + "  " + printable(value)
		fmt.Fprintln(&b, p.paint(c, text, toTerminal))
	}
	for _, pair := range compare(trusted, a, p.now()) {
		if pair.before == pair.after {
			line(" ", "", pair.name, pair.after)
			continue
		}
		if trusted != nil {
			line("-", red, pair.name, pair.before)
		}
		line("+", green, pair.name, pair.after)
	}
	_, err := w.Write(b.Bytes())
	return err
}
