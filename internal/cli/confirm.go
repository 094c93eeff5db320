package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// confirm asks a question on the terminal. Any answer but yes is the failure
// that says declined.
func (p *program) confirm(question, declined string) error {
	fmt.Fprint(p.err, printable(question)+" [y/N] ")
	answer, err := bufio.NewReader(io.LimitReader(p.in, maxSecretBytes)).ReadString('\n')
	if errors.Is(err, io.EOF) {
		fmt.Fprintln(p.err) // the line that the user has not ended
	} else if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return &failure{exit: exitFailed, msg: declined}
}
