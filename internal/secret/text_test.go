package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"cloudpki/internal/secret"
)

// Every way in which a program prints a value by accident.
func TestTextNeverPrints(t *testing.T) {
	const canary = "canary-7f3a"
	text := secret.NewString(canary)
	holder := struct {
		Name   string
		Secret secret.Text
		Deep   []any
	}{"n", text, []any{text, &text, map[string]any{"k": text}}}

	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("m", "text", text, "pointer", &text, "holder", holder, "list", []secret.Text{text})
	}
	encoded, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	for name, out := range map[string]string{
		"%v": fmt.Sprintf("%v", text), "%+v": fmt.Sprintf("%+v", holder), "%#v": fmt.Sprintf("%#v", holder),
		"%s": fmt.Sprintf("%s", text), "%q": fmt.Sprintf("%q", text), "%x": fmt.Sprintf("%x", text), "%d": fmt.Sprintf("%d", text),
		"unexported field": fmt.Sprintf("%v %+v %#v", struct{ t secret.Text }{text}, struct{ t secret.Text }{text}, struct{ t []secret.Text }{[]secret.Text{text}}),
		"pointer":          fmt.Sprintf("%+v", &holder), "error": fmt.Errorf("bad: %w %v", fmt.Errorf("x"), text).Error(),
		"json": string(encoded), "slog": log.String(),
	} {
		if strings.Contains(out, canary) || strings.Contains(out, fmt.Sprintf("%x", canary)) || strings.Contains(out, fmt.Sprint([]byte(canary))) {
			t.Errorf("%s gives the secret away: %s", name, out)
		}
	}
	if !strings.Contains(log.String(), "REDACTED") {
		t.Errorf("the log does not say that something was left out: %s", log.String())
	}
}

func TestTextHoldsACopy(t *testing.T) {
	source := []byte("abc")
	text := secret.New(source)
	source[0] = 'x'
	if got := string(text.Reveal()); got != "abc" {
		t.Errorf("Reveal() = %q after the source was changed", got)
	}
}
