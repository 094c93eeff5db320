package rest_test

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// Small answers that grow when they are decoded are refused before.
func TestAnswersThatGrow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		code provider.Code // "" for an answer that is taken
	}{
		"a page of records":   {`[` + strings.Repeat(`{"serial":"1","subject":"CN=a,O=b"},`, 1000) + `{}]`, ""},
		"empty objects":       {`[` + strings.Repeat(`{},`, 100_000) + `{}]`, provider.CodeProtocol},
		"nulls":               {`[` + strings.Repeat(`null,`, 200_000) + `null]`, provider.CodeProtocol},
		"values of no use":    {`[` + strings.Repeat(`0,`, 200_000) + `0]`, provider.CodeProtocol},
		"empty arrays":        {`{"x":[` + strings.Repeat(`[],`, 100_000) + `[]]}`, provider.CodeProtocol},
		"members of no use":   {`{` + strings.Repeat(`"x":1,`, 200_000) + `"x":1}`, provider.CodeProtocol},
		"arrays in depth":     {strings.Repeat(`[`, 200_001), provider.CodeProtocol},
		"arrays, not so deep": {strings.Repeat(`[`, 20_000), provider.CodeParse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(c.body)) }))
			defer server.Close()
			client, err := provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}).Client(provider.ClientOptions{
				ServerCAs: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
			})
			if err != nil {
				t.Fatal(err)
			}
			base, err := provider.ParseServiceURI(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			r := rest.New(rest.Options{Base: base, HTTP: client, Now: time.Now})
			defer func() { _ = r.Close() }()
			var list []struct{ Serial, Subject string }
			_, err = r.JSON(t.Context(), rest.Request{Path: "list"}, &list)
			var fault *provider.Error
			if errors.As(err, &fault); c.code == "" && (err != nil || len(list) != 1001) || c.code != "" && (fault == nil || fault.Code != c.code) {
				t.Errorf("%d records, %v", len(list), err)
			}
		})
	}
}

func TestText(t *testing.T) {
	for raw, want := range map[string]rest.Text{`"a"`: "a", `12`: "12", `-1.5`: "-1.5", `null`: "", `true`: "", `{"a":1}`: "", `["x"]`: ""} {
		var got struct{ Member rest.Text }
		if err := json.Unmarshal([]byte(`{"Member":`+raw+`}`), &got); err != nil || got.Member != want {
			t.Errorf("%s is read as %q, %v; want %q", raw, got.Member, err, want)
		}
	}
}
