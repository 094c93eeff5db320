package sectigo

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// details is what GET /ssl/v1/{sslId} tells beyond the certificate. A member of
// another type than it should have is as if it were null.
type details map[string]any

// text returns a member that is text or a number.
func (d details) text(name string) string {
	switch v := d[name].(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// profile returns the id of the certificate profile.
func (d details) profile() string {
	t, _ := d["certType"].(map[string]any)
	return details(t).text("id")
}

// add fetches one certificate into the page, as a record or as skipped. Of one
// that the API itself says it does not give, such as one that is revoked (code
// -110), the details tell the state.
func (s *session) add(ctx context.Context, page *provider.Page, status string, i item) error {
	skip := func(raw []byte, reason string) {
		page.Skipped = append(page.Skipped, provider.Skipped{
			Raw: raw[:min(len(raw), provider.MaxRaw)], Serial: provider.Clean(i.Serial, 100), Reason: s.words.Clean(fmt.Sprintf("sslId %d: %s", i.ID, reason), maxWords),
		})
	}
	var d details
	_, err := s.http.JSON(ctx, rest.Request{Path: "ssl/v1/" + strconv.FormatInt(i.ID, 10), Query: url.Values{"dateFormat": {"ISO_HMS"}}}, &d)
	var body []byte
	told := err == nil
	if told {
		body, err = s.collect(ctx, i.ID, "x509CO")
	}
	switch {
	case isRefusal(err):
		refused := err
		r, ok, err := s.withoutBody(ctx, i, status, d)
		switch {
		case err != nil:
			return err
		case told && ok:
			page.Records = append(page.Records, r)
		default:
			skip(nil, refused.Error())
		}
		return nil
	case err != nil:
		return err
	}
	cert, raw, err := provider.DecodeCertificate(string(body))
	if err != nil {
		skip(raw, err.Error())
		return nil
	}
	r := provider.NewRecord(cert)
	if listed, err := provider.ParseSerial(i.Serial); err == nil && listed != r.Serial {
		skip(raw, "the certificate has another serial number than the list")
		return nil
	}
	s.remember(r.RawIssuer, r.IssuerDN)
	s.describe(&r, status, d)
	page.Records = append(page.Records, r)
	return nil
}

// describe adds what the details tell beyond the certificate.
func (s *session) describe(r *provider.Record, status string, d details) {
	r.Holder = provider.Clean(d.text("requester"), 256)
	r.Issued = moment(d.text("issued"))
	r.ProfileID = provider.Clean(d.profile(), 40)
	s.state(r, status, d)
}

// state reads the status: that of the details, as it is newer than the list's.
func (s *session) state(r *provider.Record, status string, d details) {
	if newer := d.text("status"); slices.Contains(statuses(), newer) {
		status = newer
	}
	if status != "Revoked" {
		r.Status = provider.StatusAt(r.NotAfter, s.now())
		return
	}
	r.Status, r.RevokedAt = provider.StatusRevoked, moment(d.text("revoked"))
	if n, err := strconv.Atoi(d.text("reasonCode")); err == nil && n >= 0 && n <= 10 && n != 7 {
		r.Reason = n
	}
}

// moment reads a time as the API writes it: as it was asked for, or where a
// version does not know dateFormat, month first (25.5, "Date formatting"). What
// is neither is none.
func moment(v string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05.000-0700", time.DateOnly, "01/02/2006", "01/02/2006 15:04:05"} {
		if t, err := time.Parse(layout, v); err == nil && t.Year() > 1 && t.Year() < 10_000 {
			return t.UTC()
		}
	}
	return time.Time{}
}
