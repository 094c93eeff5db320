package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"cloudpki/internal/casim"
)

// consoleHelp is what the command help of the console says.
const consoleHelp = `FAULT              misbehave so from now on
honest             misbehave no more
schedule F*N ...   misbehave by a schedule
issue N            issue N certificates
revoke SERIAL      revoke one; suspend and resume likewise
list               the last certificates with their state
replace-root       make a new root with new CAs
quit               stop`

// readLines passes on the lines of standard input, and closes the channel at
// its end.
func (p *program) readLines(ctx context.Context, lines chan<- string) {
	defer close(lines)
	in := bufio.NewScanner(p.in)
	for in.Scan() {
		text := strings.TrimSpace(in.Text())
		if text == "" {
			continue
		}
		select {
		case lines <- text:
		case <-ctx.Done():
			return
		}
	}
}

// command carries out one line of the console and returns what to say.
func command(ca *casim.CA, words []string) (string, error) {
	if len(words) == 0 {
		return "", nil
	}
	argument := strings.Join(words[1:], " ")
	switch words[0] {
	case "help":
		return consoleHelp, nil
	case "honest":
		ca.Misbehave(casim.Fault{})
		return "", nil
	case "schedule":
		s, err := casim.ParseSchedule(argument)
		if err == nil {
			ca.Follow(s)
		}
		return "", err
	case "issue":
		return issue(ca, argument)
	case "revoke":
		return "", ca.Revoke(argument, "Superseded")
	case "suspend":
		return "", ca.Suspend(argument)
	case "resume":
		return "", ca.Resume(argument)
	case "replace-root":
		return "", ca.ReplaceRoot()
	case "list":
		return lastCertificates(ca), nil
	}
	fault, ok := casim.ByName(words[0])
	if !ok {
		return "", errors.New("no such command or fault; help lists the commands")
	}
	ca.Misbehave(fault)
	return fault.Doc, nil
}

func issue(ca *casim.CA, count string) (string, error) {
	const most = 100_000
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 || n > most {
		return "", fmt.Errorf("issue wants a number from 1 to %d", most)
	}
	_, err = ca.Issue(n)
	return "", err
}

func lastCertificates(ca *casim.CA) string {
	const few = 10
	all := ca.Certificates()
	var b strings.Builder
	fmt.Fprintf(&b, "%d certificates", len(all))
	for _, c := range all[max(len(all)-few, 0):] {
		fmt.Fprintf(&b, "\n%-34s %s", c.Serial, c.Status)
	}
	return b.String()
}
