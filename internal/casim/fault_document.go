package casim

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"slices"
	"strings"
)

// documentFaults change the document of an answer, XML or JSON.
func documentFaults() []Fault {
	return []Fault{
		{Name: "entities", Doc: "a document type with an entity", Answer: declares(`<!DOCTYPE x [<!ENTITY e "e">]>`, "&e;")},
		{Name: "external-entity", Doc: "an entity that names a file", Answer: declares(`<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>`, "&e;")},
		{Name: "billion-laughs", Doc: "entities that grow without measure", Answer: declares(laughs(), "&l9;")},
		{Name: "deep", Doc: "200,000 nested elements or arrays", Answer: Body(deep)},
		{Name: "many-attributes", Doc: "an element of 100,000 attributes, an object of 100,000 members", Answer: Body(manyMembers)},
		{Name: "wrong-root", Doc: "a well-formed document of another kind", Answer: Body(otherDocument)},
		{Name: "null", Doc: "nothing but null, or an empty envelope", Answer: Body(emptyDocument)},
		{Name: "all-null", Doc: "every value is null or empty", Answer: Body(nothingInside)},
		{Name: "duplicates", Doc: "each element or member twice", Answer: Body(doubled)},
		{Name: "echo", Doc: "an error that repeats what the client sent", Answer: echo},
	}
}

func isXML(b []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(b), []byte("<")) }

// declares puts a document type before the document and an entity into it.
func declares(doctype, entity string) Answerer {
	return Body(func(b []byte) []byte {
		if !isXML(b) {
			return []byte(xml.Header + doctype + "<x>" + entity + "</x>")
		}
		b = bytes.Replace(b, []byte("?>"), []byte("?>"+doctype), 1)
		return bytes.Replace(b, []byte("</"), []byte(entity+"</"), 1)
	})
}

func laughs() string {
	var b strings.Builder
	b.WriteString(`<!DOCTYPE x [<!ENTITY l0 "lol">`)
	for i := 1; i < 10; i++ {
		d := string(rune('0' + i - 1))
		b.WriteString(`<!ENTITY l` + string(rune('0'+i)) + ` "` + strings.Repeat("&l"+d+";", 10) + `">`)
	}
	return b.String() + "]>"
}

func deep(b []byte) []byte {
	const n = 200_000
	if isXML(b) {
		return []byte(xml.Header + strings.Repeat("<a>", n) + strings.Repeat("</a>", n))
	}
	return []byte(strings.Repeat("[", n) + strings.Repeat("]", n))
}

func manyMembers(b []byte) []byte {
	const n = 100_000
	var out strings.Builder
	if isXML(b) {
		out.WriteString(`<Envelope xmlns="` + nsEnvelope + `"><Body `)
		for i := range n {
			out.WriteString(" a" + alphabetic(i) + `="x"`)
		}
		return []byte(out.String() + "/></Envelope>")
	}
	out.WriteString("{")
	for i := range n {
		out.WriteString(`"` + alphabetic(i) + `":1,`)
	}
	return []byte(out.String() + `"z":1}`)
}

// alphabetic writes i in letters.
func alphabetic(i int) string {
	s := ""
	for ; i > 0 || s == ""; i /= 26 {
		s += string(rune('a' + i%26))
	}
	return s
}

func otherDocument(b []byte) []byte {
	if isXML(b) {
		return []byte(`<rss version="2.0"><channel><title>News</title></channel></rss>`)
	}
	return []byte(`{"news":[{"title":"News"}]}`)
}

func emptyDocument(b []byte) []byte {
	if isXML(b) {
		return []byte(`<Envelope xmlns="` + nsEnvelope + `"><Body/></Envelope>`)
	}
	return []byte("null")
}

// nothingInside empties every value and keeps the structure.
func nothingInside(b []byte) []byte {
	if !isXML(b) {
		var v any
		if json.Unmarshal(b, &v) != nil {
			return b
		}
		out, err := json.Marshal(nulls(v))
		if err != nil {
			return b
		}
		return out
	}
	var out []byte
	inside := false
	for _, c := range b {
		switch c {
		case '<':
			inside = true
		case '>':
			inside = false
			out = append(out, c)
			continue
		}
		if inside {
			out = append(out, c)
		}
	}
	return out
}

func nulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = nulls(member)
		}
		return v
	case []any:
		for i := range v {
			v[i] = nulls(v[i])
		}
		return v
	default:
		return nil
	}
}

// doubled repeats the content of the document.
func doubled(b []byte) []byte {
	if isXML(b) {
		body := bytes.Index(b, []byte("<Body>"))
		end := bytes.LastIndex(b, []byte("</Body>"))
		if body < 0 || end < 0 {
			return b
		}
		inner := b[body+len("<Body>") : end]
		return slices.Concat(b[:end], inner, b[end:])
	}
	if i := bytes.IndexByte(b, '{'); i >= 0 && i+1 < len(b) && b[len(bytes.TrimSpace(b))-1] == '}' {
		trimmed := bytes.TrimSpace(b[i+1:])
		inner := trimmed[:len(trimmed)-1]
		return slices.Concat([]byte("{"), inner, []byte(","), inner, []byte("}"))
	}
	return append(b, b...)
}

// echo answers HTTP 500 with all that the client sent.
func echo(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(http.StatusInternalServerError)
	_ = r.Write(w) // the client is gone: nobody to tell
}

// soapFaults are answers of MPKI 8 that say no, or say it strangely. Another
// dialect is answered by the SOAP fault all the same.
func soapFaults() []Fault {
	return []Fault{
		{Name: "soap-fault", Doc: "a SOAP fault with HTTP 500", Answer: Fails("INTERNAL_ERROR", "Unexpected error")},
		{Name: "soap-fault-200", Doc: "a SOAP fault with HTTP 200", Answer: func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			f := soapFault{Code: "soapenv:Server", String: "Unexpected error"}
			writeEnvelope(w, http.StatusOK, f)
		}},
		{Name: "soap-fault-1.2", Doc: "a SOAP 1.2 fault", Answer: Status(http.StatusInternalServerError,
			`<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><e:Fault><e:Code><e:Value>e:Receiver</e:Value></e:Code><e:Reason><e:Text xml:lang="en">Unexpected error</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>`)},
		{Name: "soap-not-authorized", Doc: "a SOAP fault: not authorized", Answer: Fails("ACCESS_DENIED", "The administrator is not authorized")},
		{Name: "soap-not-authenticated", Doc: "a SOAP fault: authentication failed", Answer: Fails("AUTH_FAILED", "Authentication failed: invalid RA certificate")},
		{Name: "soap-disabled", Doc: "a SOAP fault: the account is disabled", Answer: Fails("ACCOUNT_DISABLED", "The account is disabled")},
		{Name: "soap-profile", Doc: "a SOAP fault: the profile is unknown", Answer: Fails("POLICY_NOT_FOUND", "A request element is not understood")},
		{Name: "soap-long-fault", Doc: "a SOAP fault of 1 MB with control characters", Answer: Fails("E\u0007\u202eRROR", strings.Repeat("long \u2028", 200_000))},
		{Name: "mtom", Doc: "the envelope in a multipart message", Answer: func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
			rec := honestly(honest, r)
			w.Header().Set("Content-Type", `multipart/related; type="application/xop+xml"; boundary="b"`)
			w.WriteHeader(rec.status)
			_, _ = w.Write(slices.Concat([]byte("--b\r\nContent-Type: application/xop+xml\r\n\r\n"), rec.body.Bytes(), []byte("\r\n--b--\r\n")))
		}},
		{Name: "wrong-namespace", Doc: "the right elements in another namespace", Answer: Body(func(b []byte) []byte {
			return bytes.ReplaceAll(b, []byte("http://schemas.verisign.com"), []byte("http://schemas.example.com"))
		})},
	}
}
