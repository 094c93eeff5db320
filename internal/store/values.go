package store

import (
	"encoding/json"
	"fmt"

	"cloudpki/internal/odata"
)

// The functions here translate between the nouns and columns where the two
// differ: what is empty or «never» in Go is NULL in a nullable column.

// nullText is the argument for a text whose "" is stored as NULL.
func nullText(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// nullDate is the argument for a time whose Never is stored as NULL.
func nullDate(d odata.DateTimeOffset) any {
	if d.IsNever() {
		return nil
	}
	return d.Ticks
}

// nullNumber is the argument for a number whose -1 is stored as NULL.
func nullNumber(n int) any {
	if n < 0 {
		return nil
	}
	return int64(n)
}

// flag is the argument for a truth.
func flag(b bool) any {
	if b {
		return int64(1)
	}
	return int64(0)
}

// optional is the argument for an optional value of some integer type.
func optional[T ~int64](p *T) any {
	if p == nil {
		return nil
	}
	return int64(*p)
}

// fold is the argument for the case-folded twin of an optional text.
func fold(s *string) any {
	if s == nil {
		return nil
	}
	return odata.Fold(*s)
}

// text returns what nullText stored.
func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// date returns what nullDate stored.
func date(p *int64) odata.DateTimeOffset {
	if p == nil {
		return odata.Never()
	}
	return odata.DateTimeOffset{Ticks: *p}
}

// number returns what nullNumber stored.
func number(p *int64) int {
	if p == nil {
		return -1
	}
	return int(*p)
}

// encode is the argument for a column that holds JSON. A nil slice is null.
func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode column: %w", err)
	}
	return string(b), nil
}

func decode(s string, v any) error {
	if err := json.Unmarshal([]byte(s), v); err != nil {
		return fmt.Errorf("decode column: %w", err)
	}
	return nil
}

// setText stores what nullText stored in a text of some named type.
func setText[T ~string](to *T, p *string) { *to = T(text(p)) }
