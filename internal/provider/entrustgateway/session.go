package entrustgateway

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// maxCAs bounds the CAs of one subscription.
const maxCAs = 64

// A session makes one call at a time.
type session struct {
	*rest.Client // Close is its

	cas     []string // followed, sorted; nil is all, and until the gateway was asked
	follow  provider.InventoryMode
	from    time.Time
	size    int      // of a page of events
	issued  []string // actions that tell of a new certificate, lower case
	subject string   // of the client certificate
	now     func() time.Time
	words   provider.Cleaner // of what the gateway says; knows the secrets
}

// connect makes a session of a configuration that was found good.
func connect(c provider.Config) (*session, error) {
	base, err := provider.ParseServiceURI(c.ServiceURI)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: "serviceUri: " + err.Error()}
	}
	s := &session{
		follow: provider.InventoryEvents, now: c.Now,
		words: provider.NewCleaner(c.Credentials.Password, c.Credentials.CertificatePassword, c.Credentials.Certificate),
	}
	if c.Settings[settingFollow] == "full" {
		s.follow = provider.InventoryFull
	}
	for _, read := range []struct {
		name string
		into func(v string) error
	}{
		{settingCAs, func(v string) (err error) { s.cas, err = caIDs(v); return }},
		{settingFrom, func(v string) (err error) { s.from, err = day(v); return }},
		{settingPage, func(v string) (err error) { s.size, err = pageSize(v); return }},
		{settingIssued, func(v string) (err error) { s.issued, err = actions(v); return }},
	} {
		if err := read.into(c.Settings[read.name]); err != nil {
			return nil, &provider.Error{Code: provider.CodeProtocol, Msg: read.name + ": " + err.Error()}
		}
	}
	cert, err := provider.ClientCertificate(c.Credentials.Certificate, c.Credentials.CertificatePassword, c.Now())
	if err != nil {
		return nil, err
	}
	client, err := c.Transport.Client(provider.ClientOptions{ServerCAs: c.ServerCAs, Certificate: &cert})
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	if id := c.Settings[settingClient]; id != "" {
		header.Set("Ca-Client-Id", id)
	}
	s.subject = cert.Leaf.Subject.String()
	s.Client = rest.New(rest.Options{Base: base, HTTP: client, Now: c.Now, Header: header, Words: s.words, Explain: s.explain})
	return s, nil
}

// Probe asks for the list of CAs, and sees that those of the settings are there.
func (s *session) Probe(ctx context.Context) (provider.Probe, error) {
	shown, err := s.shown(ctx)
	if err != nil {
		return provider.Probe{}, err
	}
	for _, id := range s.cas {
		if !slices.Contains(shown, id) {
			return provider.Probe{}, s.unknownCA(id, nil)
		}
	}
	return provider.Probe{Account: s.subject}, nil
}

func (s *session) unknownCA(id string, cause error) *provider.Error {
	return &provider.Error{
		Code: provider.CodeProfileUnknown, Err: cause,
		Msg: fmt.Sprintf("%s does not show the CA %s to this client; correct %s, or let the client certificate use that CA", s.Host(), id, settingCAs),
	}
}

// followed returns the ids of the CAs to follow, sorted; at least one.
func (s *session) followed(ctx context.Context) ([]string, error) {
	if s.cas != nil {
		return s.cas, nil
	}
	ids, err := s.shown(ctx)
	if err == nil && len(ids) == 0 {
		err = &provider.Error{Code: provider.CodeIncompleteListing, Msg: s.Host() + " shows no CA to this client; let the client certificate use the CAs to be followed"}
	}
	if err != nil {
		return nil, err
	}
	s.cas = ids
	return ids, nil
}

// shown returns the ids of the CAs that the gateway shows to the client, sorted.
func (s *session) shown(ctx context.Context) ([]string, error) {
	var answer struct {
		CAs *[]struct {
			ID rest.Text `json:"id"`
		} `json:"caList"`
	}
	if _, err := s.JSON(ctx, listRequest(), &answer); err != nil {
		return nil, err
	}
	switch {
	case answer.CAs == nil:
		return nil, s.unreadable("v1/certificate-authorities", "has no caList")
	case len(*answer.CAs) > maxCAs:
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("%s shows %d CAs; at most %d are followed: name them in %s", s.Host(), len(*answer.CAs), maxCAs, settingCAs)}
	}
	var ids []string
	for _, ca := range *answer.CAs {
		if !isCAID(string(ca.ID)) {
			return nil, s.unreadable("v1/certificate-authorities", "names a CA by an id that cannot be used")
		}
		ids = append(ids, string(ca.ID))
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func (s *session) unreadable(path, what string) *provider.Error {
	return &provider.Error{Code: provider.CodeParse, Msg: fmt.Sprintf("the answer of %s to /%s %s", s.Host(), path, what)}
}

// The requests. An id of a CA and a serial number are single steps of a path.

func listRequest() rest.Request { return rest.Request{Path: "v1/certificate-authorities"} }

func caPath(id string) string { return "v1/certificate-authorities/" + url.PathEscape(id) }

// caRequest asks for the certificates of a CA, which are told on demand alone.
func caRequest(id string) rest.Request {
	return rest.Request{Path: caPath(id), Query: url.Values{"$fields": {"ca.certificate,ca.chain"}}}
}

func profilesRequest(id string) rest.Request { return rest.Request{Path: caPath(id) + "/profiles"} }

func certificateRequest(id, serial string) rest.Request {
	return rest.Request{Path: caPath(id) + "/certificates/" + url.PathEscape(serial)}
}

// eventsRequest asks for a page of the feed. As the vendor's own client does, it
// names the first day with every page.
func eventsRequest(id string, from time.Time, size int, index string) rest.Request {
	q := url.Values{
		"startDate":         {from.UTC().Format("2006-01-02T15:04:05.000Z")},
		"preferredPageSize": {fmt.Sprint(size)},
	}
	if index != "" {
		q.Set("nextPageIndex", index)
	}
	return rest.Request{Path: caPath(id) + "/certificate-events", Query: q}
}
