package entrustgateway

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// An event is one line of a feed, read as far as it can be.
type event struct {
	raw    json.RawMessage
	action string // lower case
	reason string
	date   string
	sent   string // serial number as the gateway writes it
	serial string // of the certificate, or as sent; lower-case hex, "" where unreadable
	cert   *x509.Certificate
}

func read(raw json.RawMessage) event {
	var in struct {
		Action rest.Text `json:"action"`
		Date   rest.Text `json:"eventDate"`
		Serial rest.Text `json:"serialNumber"`
		Body   rest.Text `json:"certificate"`
		Reason rest.Text `json:"reason"`
	}
	e := event{raw: raw}
	if json.Unmarshal(raw, &in) != nil {
		return e
	}
	e.action, e.reason, e.date, e.sent = strings.ToLower(string(in.Action)), string(in.Reason), string(in.Date), string(in.Serial)
	e.serial, _ = provider.ParseSerial(e.sent) // "" where it is none
	if cert, _, err := provider.DecodeCertificate(string(in.Body)); err == nil {
		e.cert, e.serial = cert, cert.SerialNumber.Text(16)
	}
	if e.sent == "" {
		e.sent = e.serial
	}
	return e
}

// add takes the events of one page of the feed of a CA into page. What an event
// of issue tells needs no question; after any other, and where several speak of
// one certificate, the gateway is asked how that stands now: events can come
// twice, and an old one must not undo a newer.
func (s *session) add(ctx context.Context, page *provider.Page, scan provider.Scan, ca string, lines []json.RawMessage) error {
	var order []string
	last, several := map[string]event{}, map[string]bool{}
	for _, raw := range lines {
		e := read(raw)
		if e.serial == "" {
			s.skip(page, e, "the event names no certificate")
			continue
		}
		before, again := last[e.serial]
		if again {
			several[e.serial] = true
			if e.cert == nil {
				e.cert = before.cert
			}
		} else {
			order = append(order, e.serial)
		}
		last[e.serial] = e
	}
	known, err := s.known(ctx, scan, order)
	if err != nil {
		return err
	}
	for _, serial := range order {
		e := last[serial]
		fresh := slices.Contains(s.issued, e.action) && !several[serial]
		switch status, ok := known[serial]; {
		case ok && s.fits(e, fresh, status):
			page.Seen = append(page.Seen, serial)
		case fresh && e.cert != nil:
			r := provider.NewRecord(e.cert)
			r.Status = provider.StatusAt(r.NotAfter, s.now())
			page.Records = append(page.Records, r)
		default:
			if err := s.ask(ctx, page, ca, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxKnown is how many serials Scan.Known takes at once.
const maxKnown = 500

// known asks the caller, in a scan of all, which of the certificates it has.
func (s *session) known(ctx context.Context, scan provider.Scan, serials []string) (map[string]provider.Status, error) {
	all := map[string]provider.Status{}
	if scan.Known == nil || scan.Mode != provider.ScanAll {
		return all, nil
	}
	for some := range slices.Chunk(serials, maxKnown) {
		found, err := scan.Known(ctx, some)
		if err != nil {
			return nil, err
		}
		for serial, status := range found {
			all[serial] = status
		}
	}
	return all, nil
}

// fits reports whether an event of a known certificate tells nothing new. That
// something was issued says nothing of a revocation, which has an event of its
// own.
func (s *session) fits(e event, fresh bool, status provider.Status) bool {
	switch {
	case !fresh:
		return strings.Contains(e.action, "revok") && status == provider.StatusRevoked
	case status == provider.StatusRevoked, status == provider.StatusSuspended:
		return true
	}
	return e.cert != nil && status == provider.StatusAt(e.cert.NotAfter, s.now())
}

// ask takes the certificate of an event as the gateway tells it now. One that
// it does not have any more is taken from the event.
func (s *session) ask(ctx context.Context, page *provider.Page, ca string, e event) error {
	serial, err := provider.ParseSerial(e.sent)
	if err != nil {
		e.sent = e.serial
	} else if e.cert != nil && serial != e.serial {
		e.sent = e.serial // the certificate is right
	}
	var a struct {
		Certificate details `json:"certificate"`
	}
	_, err = s.JSON(ctx, certificateRequest(ca, e.sent), &a)
	switch {
	case said(err, http.StatusNotFound):
		s.fromEvent(page, e)
		return nil
	case err != nil:
		return err
	}
	cert, raw, err := provider.DecodeCertificate(string(a.Certificate.Data))
	if err != nil && e.cert == nil {
		if len(raw) == 0 {
			raw = e.raw
		}
		e.raw = raw
		s.skip(page, e, err.Error())
		return nil
	}
	if err != nil || (e.cert != nil && !cert.Equal(e.cert)) {
		cert = e.cert
	}
	page.Records = append(page.Records, a.Certificate.record(provider.NewRecord(cert), s.now()))
	return nil
}

// fromEvent is for a certificate that the gateway does not tell.
func (s *session) fromEvent(page *provider.Page, e event) {
	if e.cert == nil {
		s.skip(page, e, "the gateway does not know the certificate of the event")
		return
	}
	r := provider.NewRecord(e.cert)
	switch {
	case strings.Contains(e.action, "revok"):
		r.Status, r.RevokedAt, r.Reason = provider.StatusRevoked, moment(e.date), reason(e.reason)
	case slices.Contains(s.issued, e.action):
		r.Status = provider.StatusAt(r.NotAfter, s.now())
	}
	page.Records = append(page.Records, r)
}

func (s *session) skip(page *provider.Page, e event, why string) {
	page.Skipped = append(page.Skipped, provider.Skipped{
		Raw: e.raw[:min(len(e.raw), provider.MaxRaw)], Serial: provider.Clean(e.sent, 100), Reason: s.words.Clean(why, maxWords),
	})
}
