// Package secret keeps what must not be seen: plaintext that cannot be printed
// by accident (Text), ciphertext that opens in one place only (Sealed), and the
// keys that turn one into the other (Keyring).
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "REDACTED"

// A Text is a plaintext secret in memory. Every way of printing or marshalling
// it gives "REDACTED"; only Reveal gives it out. The bytes lie behind a pointer,
// because fmt looks into unexported fields without asking their methods, but
// not behind pointers in them.
type Text struct{ b *[]byte }

// New returns a Text that holds a copy of b.
func New(b []byte) Text {
	own := append([]byte{}, b...)
	return Text{&own}
}

// NewString returns a Text that holds s.
func NewString(s string) Text {
	own := []byte(s)
	return Text{&own}
}

// Reveal returns the plaintext. The caller must not keep, log or format it;
// a test lists the callers.
func (t Text) Reveal() []byte {
	if t.b == nil {
		return nil
	}
	return *t.b
}

// IsEmpty reports whether there is no plaintext.
func (t Text) IsEmpty() bool { return len(t.Reveal()) == 0 }

// Format, LogValue, MarshalText and MarshalJSON never tell. Format covers the
// verbs, such as %d, that would look past a String method.
func (Text) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, redacted) }
func (Text) String() string               { return redacted }
func (Text) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (Text) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// A Sealed is a ciphertext that names its key and opens only with the
// associated data it was sealed with. A nil Sealed is no secret at all.
type Sealed []byte
