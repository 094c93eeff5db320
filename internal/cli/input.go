package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"cloudpki/internal/secret"
)

// Bounds of what is read, in bytes.
const (
	maxConnectionBytes  = 1 << 20
	maxSecretBytes      = 8 << 10 // the longest password that the API takes; a token fits too
	maxCertificateBytes = 1 << 20
	maxBodyBytes        = 4 << 20 // the largest body that the API takes
)

// stdinName stands for standard input where a file is asked for.
const stdinName = "-"

// readFile reads a whole file of at most most bytes.
func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &failure{exit: exitUsage, err: err}
	}
	defer f.Close()
	return readBounded(f, path, most)
}

func readBounded(r io.Reader, name string, most int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(text)) > most {
		return nil, misuse("", "%s is larger than %d bytes", name, most)
	}
	return text, nil
}

// inputName is what readInput reads, for messages.
func inputName(path string) string {
	if path == stdinName {
		return "standard input"
	}
	return path
}

// readInput reads a file, or standard input for "-".
func (p *program) readInput(path string, most int64) ([]byte, error) {
	if path == stdinName {
		return readBounded(p.in, inputName(path), most)
	}
	return readFile(path, most)
}

// readSecretFile reads a secret from a file, without the line end behind it.
func (p *program) readSecretFile(path string) (secret.Text, error) {
	text, err := p.readInput(path, maxSecretBytes)
	if err != nil {
		return secret.Text{}, err
	}
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	if bytes.ContainsAny(text, "\r\n") {
		return secret.Text{}, misuse("it must hold the secret alone, on one line", "%s has more than one line", inputName(path))
	}
	return secretOf(text)
}

// secretOf takes a secret that JSON can carry; bytes that are no UTF-8 would
// arrive as others.
func secretOf(text []byte) (secret.Text, error) {
	if !utf8.Valid(text) {
		return secret.Text{}, misuse("save the file as UTF-8", "the secret is not UTF-8")
	}
	return secret.New(text), nil
}

// ask asks for a secret on the terminal, without echo.
func (p *program) ask(ctx context.Context, prompt string) (secret.Text, error) {
	fmt.Fprint(p.err, printable(prompt)+": ")
	text, err := p.terminal.readSecret(ctx)
	fmt.Fprintln(p.err)
	if err != nil {
		return secret.Text{}, err
	}
	return secretOf(text)
}
