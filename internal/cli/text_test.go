package cli

import (
	"strings"
	"testing"
	"time"
	"unicode"
)

func TestWhen(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.FixedZone("CET", 3600))
	for want, d := range map[string]time.Duration{
		"2026-11-23 12:00 (now)":     time.Second / 2,
		"2026-11-23 12:00 (in 59s)":  59 * time.Second,
		"2026-11-23 11:01 (59m ago)": -59 * time.Minute,
		"2026-11-25 11:00 (in 47h)":  47 * time.Hour,
		"2026-11-25 12:00 (in 2d)":   48 * time.Hour,
		"2028-11-21 12:00 (in 729d)": 729 * day,
		"2036-11-20 12:00 (in 10y)":  3650 * day,
	} {
		at := now.Add(d).UTC()
		if got := when(&at, now); got != want {
			t.Errorf("%v from now is %q, want %q", d, got, want)
		}
	}
	var never time.Time
	if when(nil, now) != "-" || when(&never, now) != "never" {
		t.Errorf("null is %q and the year 1 %q", when(nil, now), when(&never, now))
	}
}

// FuzzShorten holds every text to the width it is given and to what a terminal
// may be sent.
func FuzzShorten(f *testing.F) {
	f.Add("plain", 3)
	f.Add("日本語 e\u0301\x1b[2J\u202e", 4)
	f.Add("\xff\xfe", 1)
	f.Fuzz(func(t *testing.T, text string, width int) {
		width = 1 + (width&0x7fffffff)%200
		got := shorten(printable(text), width)
		if columnsOf(got) > width {
			t.Errorf("%q takes %d columns, not %d", got, columnsOf(got), width)
		}
		if strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
			t.Errorf("%q would be obeyed", got)
		}
	})
}

func TestTableKeepsToTheTerminal(t *testing.T) {
	t.Parallel()
	for width := 20; width < 90; width++ {
		var out strings.Builder
		table := table{
			width: width, paint: func(_ colour, text string) string { return text },
			columns: []column{{title: "ID"}, {title: "NAME", least: 4}, {title: "AT", when: true}, {title: "TEXT", least: 4}},
		}
		rows := [][]string{{"1", "日本語日本語", "never", strings.Repeat("x", 40)}, {"22", "b", "2026-11-23 12:00 (in 5h)", "y"}}
		if err := table.write(&out, rows); err != nil {
			t.Fatal(err)
		}
		least := len("22") + 4 + len(dateLayout) + 4 + 3*len(gap)
		for line := range strings.Lines(out.String()) {
			if got := columnsOf(strings.TrimRight(line, "\n")); got > max(width, least) {
				t.Errorf("a line of %d columns on a terminal of %d: %q", got, width, line)
			}
		}
	}
}

func TestSecretFile(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"s3cret": "s3cret", "s3cret\n": "s3cret", "s3cret \r\n": "s3cret ", "\n": "", "pässwörd": "pässwörd",
		"one\ntwo": "", "latin1-\xfc": "", strings.Repeat("x", maxSecretBytes+1): "",
	} {
		p := &program{in: strings.NewReader(text)}
		got, err := p.readSecretFile(stdinName)
		if refused := want == "" && text != "\n"; (err != nil) != refused || string(got.Reveal()) != want {
			t.Errorf("%.20q is read as %q, %v", text, got.Reveal(), err)
		}
		if err != nil && strings.Contains(err.Error(), "latin1-") {
			t.Errorf("the error %v shows the secret", err)
		}
	}
}
