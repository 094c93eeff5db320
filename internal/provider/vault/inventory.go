package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"cloudpki/internal/provider"
)

// Mode returns InventoryFull: the list tells serial numbers and no times.
func (s *session) Mode() provider.InventoryMode { return provider.InventoryFull }

// List returns the next page. It goes through the sorted list of serial
// numbers; a certificate that is listed in front of the cursor meanwhile is the
// next scan's, and moves no other.
//
// Of what the caller knows, that alone is fetched whose state has changed. What
// the mount lists of its own issuers are authorities and no records; other CA
// certificates that it signed are records.
func (s *session) List(ctx context.Context, scan provider.Scan, after provider.Cursor) (provider.Page, error) {
	if scan.Mode != provider.ScanAll {
		return provider.Page{}, &provider.Error{Code: provider.CodeUnsupported, Msg: "Vault cannot be followed by " + string(scan.Mode)}
	}
	start, err := s.after(after)
	if err != nil {
		return provider.Page{}, err
	}
	if err := s.keepLogin(ctx); err != nil {
		return provider.Page{}, err
	}
	if after == nil {
		s.revoked, s.known = nil, scan.Known != nil
	}
	limit := pageFetched
	if s.known {
		limit = pageKeys
	}
	keys, more, err := s.serials(ctx, start, limit)
	if err != nil {
		return provider.Page{}, err
	}
	page := provider.Page{Total: -1}
	if s.whole != nil {
		page.Total = len(s.whole)
	}
	wanted, through, err := s.sift(ctx, scan, keys, &page)
	if err != nil {
		return provider.Page{}, err
	}
	if err := s.fetchInto(ctx, &page, wanted); err != nil {
		return provider.Page{}, err
	}
	s.known = scan.Known != nil && len(wanted) < pageFetched
	page.More = more || through < len(keys)
	page.Full = !page.More
	if page.More {
		page.Next, err = s.cursor(keys[through-1])
	}
	return page, err
}

// sift goes through keys until enough is to be fetched. It returns what is, and
// how many keys it went through; what the caller knows and what is no serial
// number go to the page.
func (s *session) sift(ctx context.Context, scan provider.Scan, keys []string, page *provider.Page) (wanted []string, through int, err error) {
	serials := make([]string, len(keys)) // "" is none
	for i, key := range keys {
		if serials[i], err = provider.ParseSerial(key); err != nil {
			page.Skipped = append(page.Skipped, provider.Skipped{Raw: []byte(key[:min(len(key), provider.MaxRaw)]), Serial: provider.Clean(key, maxName), Reason: "the list of certificates has what is no serial number"})
		}
	}
	known, err := s.askKnown(ctx, scan, serials)
	if err != nil {
		return nil, 0, err
	}
	for i, serial := range serials {
		switch status, ok := known[serial]; {
		case serial == "":
		case ok && s.unchanged(serial, status):
			page.Seen = append(page.Seen, serial)
		default:
			wanted = append(wanted, keys[i])
		}
		if len(wanted) == pageFetched {
			return wanted, i + 1, nil
		}
	}
	return wanted, len(keys), nil
}

// askKnown asks the caller which certificates it has. Only where it has one does
// it matter what is revoked.
func (s *session) askKnown(ctx context.Context, scan provider.Scan, serials []string) (map[string]provider.Status, error) {
	if scan.Known == nil {
		return nil, nil
	}
	var ask []string
	for _, serial := range serials {
		if serial != "" {
			ask = append(ask, serial)
		}
	}
	if len(ask) == 0 {
		return nil, nil
	}
	known, err := scan.Known(ctx, ask)
	if err != nil || len(known) == 0 {
		return nil, err
	}
	_, err = s.loadRevoked(ctx)
	return known, err
}

// unchanged reports whether a certificate is still in the state that the
// caller knows. Whether it has expired, the caller sees by itself.
func (s *session) unchanged(serial string, known provider.Status) bool {
	switch revoked := s.revoked.serials[serial]; known {
	case provider.StatusRevoked:
		return revoked || !s.revoked.complete
	case provider.StatusValid, provider.StatusExpired:
		return !revoked
	default:
		return false
	}
}

// fetchInto fetches certificates and puts them on the page. One that is gone
// since it was listed is none.
func (s *session) fetchInto(ctx context.Context, page *provider.Page, keys []string) error {
	answers, err := s.fetch(ctx, keys)
	if err != nil {
		return err
	}
	for i, a := range answers {
		switch {
		case a.gone:
		case a.refused != "":
			page.Skipped = append(page.Skipped, provider.Skipped{Raw: []byte(a.refused), Serial: keys[i], Reason: "the server cannot read the certificate that it lists: " + a.refused})
		case !json.Valid(a.body) || !bytes.HasPrefix(bytes.TrimSpace(a.body), []byte("{")):
			return &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("%s does not answer /%s with JSON; check serviceUri", s.rest.Host(), s.at("cert"))}
		default:
			s.add(page, keys[i], a.body)
		}
	}
	return nil
}

// add puts the certificate of an answer on the page, or what is wrong with it.
func (s *session) add(page *provider.Page, key string, body []byte) {
	r, raw, err := s.record(key, body)
	if err != nil {
		page.Skipped = append(page.Skipped, provider.Skipped{Raw: raw[:min(len(raw), provider.MaxRaw)], Serial: key, Reason: provider.Clean(err.Error(), maxWords)})
		return
	}
	page.Records = append(page.Records, r)
}

// record reads the answer to a GET of one certificate. raw is what to keep of
// one that cannot be read.
func (s *session) record(key string, body []byte) (r provider.Record, raw []byte, err error) {
	var answer struct {
		Data struct {
			Certificate string `json:"certificate"`
			Revoked     int64  `json:"revocation_time"` // Unix seconds; 0 is not revoked
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return r, body, fmt.Errorf("the answer has a value of another type than documented: %w", err)
	}
	c, raw, err := provider.DecodeCertificate(answer.Data.Certificate)
	if err != nil {
		if len(raw) == 0 {
			raw = body
		}
		return r, raw, err
	}
	r = provider.NewRecord(c)
	if serial, err := provider.ParseSerial(key); err != nil || serial != r.Serial {
		return r, raw, fmt.Errorf("the server answers with another certificate, whose serial number is %s", r.Serial)
	}
	r.Status = provider.StatusAt(r.NotAfter, s.now())
	if answer.Data.Revoked > 0 {
		r.Status = provider.StatusRevoked
		r.RevokedAt = time.Unix(answer.Data.Revoked, 0).UTC() // without a reason: Vault keeps none
	}
	return r, raw, nil
}
