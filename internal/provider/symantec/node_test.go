package symantec

import (
	"strings"
	"testing"
	"time"
)

const soap = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>%</e:Body></e:Envelope>`

func TestParseEnvelope(t *testing.T) {
	in := func(s string) string { return strings.Replace(soap, "%", s, 1) }
	tests := []struct {
		name, doc string
		ok        bool
	}{
		{"plain", in(`<a xmlns="x">text</a>`), true},
		{"declaration, comment, CDATA", `<?xml version="1.0" encoding="UTF-8"?><!-- c -->` + in(`<a>te<![CDATA[x]]>t<!-- --></a>`), true},
		{"with a header", strings.Replace(in("<a>text</a>"), "<e:Body>", "<e:Header><x/></e:Header><e:Body>", 1), true},
		{"nothing", "", false},
		{"text", "hello", false},
		{"another root", "<html><Body><a/></Body></html>", false},
		{"no body", `<Envelope/>`, false},
		{"empty body", in(""), false},
		{"two elements", in("<a/><b/>"), false},
		{"two roots", in("<a>text</a>") + "<more/>", false},
		{"breaks off", in("<a>text</a>")[:90], false},
		{"document type", "<!DOCTYPE x>" + in("<a>text</a>"), false},
		{"entity", `<!DOCTYPE x [<!ENTITY e "text">]>` + in("<a>&e;</a>"), false},
		{"undeclared entity", in("<a>&e;</a>"), false},
		{"billion laughs", `<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>` + in("<a>&b;</a>"), false},
		{"another character set", `<?xml version="1.0" encoding="UTF-16"?>` + in("<a>text</a>"), false},
		{"deep", in(strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100)), false},
		{"very deep", in(strings.Repeat("<a>", 1_000_000)), false},
		{"wide", in("<a>" + strings.Repeat("<b/>", maxElements) + "</a>"), false},
		{"many attributes", in("<a" + strings.Repeat(` b="c"`, maxEquals) + "/>"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			begun := time.Now()
			n, err := parseEnvelope([]byte(tt.doc))
			if (err == nil) != tt.ok || (tt.ok && n.text() != "text") {
				t.Errorf("got %v, %v", n, err)
			}
			if took := time.Since(begun); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// Comments split text into pieces; joining them must not take quadratic time.
func TestManyPiecesOfText(t *testing.T) {
	begun := time.Now()
	n, err := parse([]byte("<a>" + strings.Repeat("x<!---->", 1_000_000) + "</a>"))
	if err != nil || len(n.text()) != 1_000_000 || time.Since(begun) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
}

func FuzzParseEnvelope(f *testing.F) {
	f.Add([]byte(strings.Replace(soap, "%", `<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"><b>text</b></a>`, 1)))
	f.Add([]byte(`<!DOCTYPE x [<!ENTITY e "text">]><a>&e;</a>`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		n, err := parseEnvelope(doc)
		if (n == nil) == (err == nil) {
			t.Errorf("node %v, error %v", n, err)
		}
	})
}
