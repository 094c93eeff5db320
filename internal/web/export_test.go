package web

import "testing"

// No cell begins like a formula, not even where a spreadsheet of a language
// that writes decimal commas takes the semicolon for the end of one.
func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "CN=device": "CN=device", "*.example.com": "*.example.com", "a-b+c@d": "a-b+c@d", "DNS:a; DNS:b": "DNS:a; DNS:b",
		"=1": "'=1", "+1": "'+1", "-1": "'-1", "@1": "'@1", "\t=1": "'\t'=1", "\r=1": "'\r'=1", "\n=1": "'\n'=1", "＝1": "'＝1", "＠1": "'＠1",
		`CN=x\;=cmd|'/C calc'!A0`: `CN=x\;'=cmd|'/C calc'!A0`, "x;+1;-1": "x;'+1;'-1", "x; =1": "x; '=1", "x\t@1": "x\t'@1",
	} {
		if got := plain(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
