package config

import (
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"strconv"
	"strings"
)

// An Origin says where a value comes from.
type Origin string

// The origins, from the weakest to the strongest.
const (
	FromDefault     Origin = "default"
	FromFile        Origin = "file"
	FromEnvironment Origin = "environment"
	FromFlag        Origin = "flag"
)

// A Size is a number of bytes. It is written as a number, or with one of the
// units KiB, MiB and GiB: "4 MiB".
type Size int64

// String returns the size with the largest unit that divides it.
func (s Size) String() string {
	for _, u := range units() {
		if s != 0 && s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + " " + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// UnmarshalText reads a size as String writes it; the space may be left out.
func (s *Size) UnmarshalText(text []byte) error {
	number, factor := string(text), Size(1)
	for _, u := range units() {
		if before, ok := strings.CutSuffix(number, u.name); ok {
			number, factor = strings.TrimSpace(before), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/int64(factor) {
		return fmt.Errorf("%q is no size; write it in bytes or with a unit, such as 512 KiB or 4 MiB", text)
	}
	*s = Size(n) * factor
	return nil
}

type unit struct {
	name  string
	bytes Size
}

func units() []unit {
	return []unit{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}
}

// A DatabaseURL is the address of a database. It prints without its password;
// string(u) gives it whole.
type DatabaseURL string

// String returns the address with "xxxxx" in place of a password. An address
// that cannot be read is masked whole.
func (d DatabaseURL) String() string {
	if strings.HasPrefix(string(d), "sqlite:") || d == "" {
		return string(d)
	}
	u, err := url.Parse(string(d))
	if err != nil || u.Scheme == "" {
		return "xxxxx"
	}
	if q := u.Query(); q.Has("password") {
		q.Set("password", "xxxxx")
		u.RawQuery = q.Encode()
	}
	return u.Redacted()
}

func (d DatabaseURL) GoString() string             { return strconv.Quote(d.String()) }
func (d DatabaseURL) LogValue() slog.Value         { return slog.StringValue(d.String()) }
func (d DatabaseURL) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// A PasswordHash is what is kept of a password. It prints masked, as weak
// passwords can be guessed from their hashes; string(h) gives it whole.
type PasswordHash string

// String returns "xxxxx", or "" for none.
func (h PasswordHash) String() string {
	if h == "" {
		return ""
	}
	return "xxxxx"
}

// UnmarshalText takes the text as it is.
func (h *PasswordHash) UnmarshalText(text []byte) error {
	*h = PasswordHash(text)
	return nil
}

func (h PasswordHash) GoString() string             { return strconv.Quote(h.String()) }
func (h PasswordHash) LogValue() slog.Value         { return slog.StringValue(h.String()) }
func (h PasswordHash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }
