// Package entrustgateway is the client of Entrust CA Gateway, the REST API in
// front of Entrust's own CAs and of PKI as a Service. It reads the issuing CAs
// with their chains and profiles, and follows what is issued and revoked by the
// gateway's feed of certificate events. The gateway knows its clients by
// certificate alone.
//
// Names and shapes are those of the vendor's documentation (CA Gateway API,
// version 1) and of the clients it publishes.
package entrustgateway

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloudpki/internal/provider"
)

// The settings of the kind.
const (
	settingCAs    = "caIds"
	settingFollow = "follow"
	settingFrom   = "eventsFrom"
	settingPage   = "pageSize"
	settingIssued = "issueActions"
	settingClient = "clientId"
)

// Where an admin finds what a message speaks of.
const memberCertificate = "credentials/authenticationCertificate"

// What holds where a setting is absent. PKI as a Service gives no more than 50
// events at once; the first day is the one that the vendor's own client asks for.
const (
	defaultPage   = 50
	defaultFrom   = "2000-01-01"
	defaultIssued = "issued,issue,created,create,enrolled,enroll"
)

// Kind returns the kind "entrustGateway".
func Kind() provider.Kind {
	return provider.Kind{
		Name:  "entrustGateway",
		Title: "Entrust CA Gateway and PKI as a Service",
		Settings: []provider.Setting{
			{
				Name:    settingCAs,
				Type:    provider.SettingList,
				Doc:     "CAs to follow, as the gateway's ids separated by commas; all that it shows to the client where absent.",
				Example: "mypartition~myissuingca",
				Check:   func(v string) error { _, err := caIDs(v); return err },
			},
			{
				Name:    settingFollow,
				Type:    provider.SettingChoice,
				Values:  []string{"events", "full"},
				Doc:     "How changes are found: events reads on in the feed of events, full reads all of it each time; events where absent.",
				Example: "events",
				Check:   checkFollow,
			},
			{
				Name:    settingFrom,
				Type:    provider.SettingText,
				Doc:     "Day at which the feed of events is read from, before the first certificate was issued; 2000-01-01 where absent.",
				Example: "2019-06-01",
				Check:   func(v string) error { _, err := day(v); return err },
			},
			{
				Name:    settingPage,
				Type:    provider.SettingNumber,
				Doc:     "Events that one call asks for, 1 to 1000; 50 where absent. PKI as a Service gives no more than 50.",
				Example: "50",
				Check:   func(v string) error { _, err := pageSize(v); return err },
			},
			{
				Name:    settingIssued,
				Type:    provider.SettingList,
				Doc:     "Actions of events that tell of a new certificate, separated by commas; after every other action the state of the certificate is asked for.",
				Example: defaultIssued,
				Check:   func(v string) error { _, err := actions(v); return err },
			},
			{
				Name:    settingClient,
				Type:    provider.SettingText,
				Doc:     "Value of the header field ca-client-id, where the gateway requires it.",
				Example: "my-client-id",
				Check:   checkClient,
			},
		},
		Login:    provider.Login{Doc: "A client certificate.", Certificate: "Client certificate"},
		Can:      provider.Capabilities{Authorities: true, Profiles: true, Inventory: provider.InventoryEvents},
		Validate: validate,
		Open:     open,
	}
}

// caIDs reads the setting caIds.
func caIDs(v string) ([]string, error) {
	var ids []string
	for id := range strings.SplitSeq(v, ",") {
		id = strings.TrimSpace(id)
		switch {
		case id == "":
		case !isCAID(id):
			return nil, fmt.Errorf("%q is not the id of a CA, such as mypartition~myissuingca", provider.Clean(id, 80))
		case !slices.Contains(ids, id):
			ids = append(ids, id)
		}
	}
	if len(ids) > maxCAs {
		return nil, fmt.Errorf("more than %d CAs", maxCAs)
	}
	slices.Sort(ids)
	return ids, nil
}

// isCAID takes the ids of CAs loosely: what the operator of a gateway wrote, or
// partition~CA. It never is a step in a path.
func isCAID(id string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._~@:+-]{0,127}$`).MatchString(id)
}

func checkFollow(v string) error {
	if v != "" && v != "events" && v != "full" {
		return errors.New("is neither events nor full")
	}
	return nil
}

// day reads the setting eventsFrom.
func day(v string) (time.Time, error) {
	if v == "" {
		v = defaultFrom
	}
	t, err := time.Parse(time.DateOnly, v)
	if err != nil || t.Year() < 1990 {
		return t, errors.New("is not a day of the form 2019-06-01")
	}
	return t, nil
}

func pageSize(v string) (int, error) {
	if v == "" {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 1000 {
		return 0, errors.New("is not a number from 1 to 1000")
	}
	return n, nil
}

// actions reads the setting issueActions; words in lower case.
func actions(v string) ([]string, error) {
	if v == "" {
		v = defaultIssued
	}
	var words []string
	for w := range strings.SplitSeq(strings.ToLower(v), ",") {
		if w = strings.TrimSpace(w); !regexp.MustCompile(`^[a-z0-9_. -]{1,64}$`).MatchString(w) {
			return nil, errors.New("is not a list of words separated by commas")
		}
		words = append(words, w)
	}
	if len(words) > 32 {
		return nil, errors.New("more than 32 words")
	}
	return words, nil
}

func checkClient(v string) error {
	if len(v) > 256 || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) || strings.TrimSpace(v) != v {
		return errors.New("is not the value of a header field")
	}
	return nil
}

func validate(c provider.Config) []provider.Problem {
	var found []provider.Problem
	add := func(target string, code provider.Code, msg string) {
		found = append(found, provider.Problem{Target: target, Code: code, Msg: msg})
	}
	if c.ServiceURI == "" {
		add("serviceUri", provider.CodeProtocol, "serviceUri is missing; set it to the gateway's address, such as https://cagw.example.com/cagw/")
	} else if _, err := provider.ParseServiceURI(c.ServiceURI); err != nil {
		add("serviceUri", provider.CodeProtocol, "serviceUri: "+err.Error())
	}
	if c.ServerCAs != nil {
		if _, err := provider.ParseCertificates(c.ServerCAs); err != nil {
			add("serverCertificateAuthorities", provider.CodeTLSServer, "serverCertificateAuthorities holds no readable certificates (PEM or DER)")
		}
	}
	for _, s := range Kind().Settings {
		if err := s.Check(c.Settings[s.Name]); err != nil {
			add("providerSettings/"+s.Name, provider.CodeProtocol, s.Name+": "+err.Error())
		}
	}
	var e *provider.Error
	if _, err := provider.ClientCertificate(c.Credentials.Certificate, c.Credentials.CertificatePassword, c.Now()); errors.As(err, &e) {
		target := memberCertificate
		if strings.HasPrefix(e.Msg, target+"Password") {
			target += "Password"
		}
		found = append(found, provider.Problem{Target: target, Code: e.Code, Msg: e.Msg, Retry: e.Retry, RetryAfter: e.RetryAfter})
	}
	return found
}

func open(_ context.Context, c provider.Config) (provider.Session, error) {
	for _, p := range validate(c) {
		return nil, p.Fault()
	}
	return connect(c)
}
