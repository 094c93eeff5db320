package vault

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"
	"unicode"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
	"cloudpki/internal/secret"
)

func offline() *session {
	s := &session{settings: settings{mount: "pki", mountName: "pki"}, now: time.Now, words: provider.NewCleaner(secret.NewString("hvs.secret"))}
	s.rest = rest.New(rest.Options{Base: &url.URL{Scheme: "https", Host: "vault.example", Path: "/"}})
	return s
}

// A cursor that is taken is one that this version writes for this mount.
func FuzzCursor(f *testing.F) {
	f.Add([]byte(`{"v":1,"m":"pki","a":"0a-ff"}`))
	f.Add([]byte(`{"v":2,"m":"pki","a":"0a-ff"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, cursor []byte) {
		if cursor == nil {
			return
		}
		s := offline()
		after, err := s.after(cursor)
		if err != nil {
			return
		}
		again, err := s.cursor(after)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := s.after(again); err != nil || back != after || after == "" {
			t.Errorf("%q leads to %q, and from there to %q: %v", cursor, after, back, err)
		}
	})
}

// A record is what its certificate says, whatever the answer.
func FuzzRecord(f *testing.F) {
	f.Add("1", []byte(`{"data":{"certificate":"`+exampleRoot+`","revocation_time":0}}`))
	f.Add("01", []byte(`{"data":{"certificate":"`+exampleRoot+`","revocation_time":1700000000}}`))
	f.Add("00-01", []byte(`{"data":null}`))
	f.Fuzz(func(t *testing.T, key string, body []byte) {
		r, raw, err := offline().record(key, body)
		switch {
		case err != nil && len(raw) == 0 && len(body) > 0:
			t.Errorf("%v, and nothing is kept", err)
		case err == nil && (r.DER == nil || r.Status == "" || r.RevokedAt.IsZero() != (r.Status != provider.StatusRevoked)):
			t.Errorf("a record without its parts: %+v", r)
		}
	})
}

// Words of a server are fit to show, whatever they are.
func FuzzExplain(f *testing.F) {
	f.Add(403, []byte(`{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`))
	f.Add(503, []byte(`{"errors":["Vault is sealed hvs.secret"]}`))
	f.Add(404, []byte(`{"errors":[]}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := &provider.Error{Code: provider.CodeProtocol, Msg: "refused", Err: rest.Status(status)}
		s := offline()
		s.explain(e, status, body)
		var answer struct{ Errors []string }
		if isNothing(e) && (json.Unmarshal(body, &answer) != nil || status != http.StatusNotFound) {
			t.Errorf("%d %q is taken for «none»", status, body)
		}
		for _, r := range s.aboutMount(e).Error() {
			if !unicode.IsPrint(r) {
				t.Errorf("%q is shown", r)
			}
		}
	})
}
