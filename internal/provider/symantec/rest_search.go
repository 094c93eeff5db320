package symantec

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// decodeAuthority reads the certificate of a CA: base64 or PEM.
func decodeAuthority(text string) (*x509.Certificate, error) {
	if !strings.Contains(text, "-----BEGIN") {
		return caCertificate(text)
	}
	list, err := provider.ParseCertificates([]byte(text))
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// A restFound is the answer of POST /searchcert.
type restFound struct {
	Count        int               `json:"count"`
	More         bool              `json:"more_certs_available"`
	Certificates []json.RawMessage `json:"certificates"`
}

// A restRecord is one found certificate. The service tells neither when nor why
// a certificate was revoked.
type restRecord struct {
	Profile struct {
		ID string `json:"id"`
	} `json:"profile"`
	Seat struct {
		ID string `json:"seat_id"`
	} `json:"seat"`
	Certificate  string `json:"certificate"`
	Status       string `json:"status"`
	SerialNumber string `json:"serial_number"`
}

// Mode returns InventoryFull: the service cannot filter by change.
func (s *restSession) Mode() provider.InventoryMode { return provider.InventoryFull }

// List returns the next page. The service lists by criteria only, so profile by
// profile. It pages by a 1-based index over an order that it does not tell: each
// page begins with the last record of the page before, and where that is another
// one the listing has shifted and begins anew in the next run.
func (s *restSession) List(ctx context.Context, scan provider.Scan, after provider.Cursor) (provider.Page, error) {
	if scan.Mode != provider.ScanAll {
		return provider.Page{}, &provider.Error{Code: provider.CodeUnsupported, Msg: "the service cannot be followed by " + string(scan.Mode)}
	}
	p, ids, err := s.at(ctx, after)
	if err != nil {
		return provider.Page{}, err
	}
	for {
		page, next, err := s.page(ctx, p, ids)
		if err != nil {
			return provider.Page{}, err
		}
		if page.More && len(page.Records)+len(page.Skipped) == 0 {
			p = next // a profile without certificates is no page
			continue
		}
		if page.More {
			page.Next, err = next.cursor()
		}
		return page, err
	}
}

// page reads the page at p, and says where the next one is.
func (s *restSession) page(ctx context.Context, p position, ids []string) (provider.Page, position, error) {
	f, err := s.search(ctx, p)
	if err != nil {
		return provider.Page{}, p, err
	}
	fresh := f.Certificates
	if p.Read > 0 {
		if len(fresh) == 0 || restMark(fresh[0]) != p.Last {
			return provider.Page{}, p, incomplete(found{}, "the CA's listing changed while it was read")
		}
		fresh = fresh[1:]
	}
	page := provider.Page{Total: -1}
	for _, raw := range fresh {
		s.add(&page, raw)
	}
	next, more, err := restAfter(p, f, fresh, ids)
	page.More, page.Full = more, !more
	return page, next, err
}

// at returns the position of a cursor and the profiles that are listed.
func (s *restSession) at(ctx context.Context, c provider.Cursor) (position, []string, error) {
	list, err := s.listProfiles(ctx)
	if err != nil {
		return position{}, nil, err
	}
	var ids []string
	for _, p := range list {
		ids = append(ids, p.ID)
	}
	slices.Sort(ids)
	if len(ids) == 0 {
		return position{}, nil, &provider.Error{Code: provider.CodeIncompleteListing, Msg: "the CA lists no certificate profile"}
	}
	like := session{profiles: ids}
	p, err := like.at(c)
	return p, ids, err
}

// restAfter returns the position behind an answer, and whether anything is left.
func restAfter(p position, f restFound, fresh []json.RawMessage, ids []string) (position, bool, error) {
	read := p.Read + len(fresh)
	switch {
	case f.More && len(fresh) == 0:
		return p, false, incomplete(found{}, "the CA says that more certificates are available but sends none")
	case f.More && read > maxRecords:
		return p, false, incomplete(found{}, fmt.Sprintf("the CA's listing does not end after %d certificates", maxRecords))
	case f.More:
		return position{Profile: p.Profile, Read: read, Last: restMark(fresh[len(fresh)-1])}, true, nil
	case read < f.Count:
		return p, false, incomplete(found{}, fmt.Sprintf("the CA says that it has %d certificates but lists %d", f.Count, read))
	}
	if i := slices.Index(ids, p.Profile); i+1 < len(ids) {
		return position{Profile: ids[i+1]}, true, nil
	}
	return p, false, nil
}

// search makes one call. That nothing was found is told by HTTP 404 with the
// code entity_not_found.
func (s *restSession) search(ctx context.Context, p position) (restFound, error) {
	body := map[string]any{"profile_id": p.Profile, "start_index": max(p.Read, 1)}
	var f restFound
	_, err := s.client.JSON(ctx, rest.Request{Method: http.MethodPost, Path: "searchcert", JSON: body}, &f)
	if rest.IsStatus(err, http.StatusNotFound) && upstreamCode(err) == "entity_not_found" {
		return restFound{}, nil
	}
	if err != nil {
		return f, err
	}
	if len(f.Certificates) > maxPage {
		return f, &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("the CA sends more than %d certificates at once", maxPage)}
	}
	if f.Count < 0 {
		return f, &provider.Error{Code: provider.CodeParse, Msg: "count is not a number of certificates"}
	}
	return f, nil
}

// restMark identifies a record by what cannot change: serial and certificate.
func restMark(raw json.RawMessage) string {
	var r restRecord
	if json.Unmarshal(raw, &r) != nil {
		r.Certificate = string(raw)
	}
	sum := sha256.Sum256([]byte(r.SerialNumber + "|" + r.Certificate))
	return hex.EncodeToString(sum[:12])
}

// add reads one record into the page, as a record or as skipped.
func (s *restSession) add(page *provider.Page, raw json.RawMessage) {
	var r restRecord
	cut := raw[:min(len(raw), provider.MaxRaw)]
	if err := json.Unmarshal(raw, &r); err != nil {
		page.Skipped = append(page.Skipped, provider.Skipped{Raw: cut, Reason: "the record is not in the form that is documented"})
		return
	}
	cert, sent, err := provider.DecodeCertificate(r.Certificate)
	if err != nil {
		if len(sent) == 0 {
			sent = cut
		}
		page.Skipped = append(page.Skipped, provider.Skipped{
			Raw: sent[:min(len(sent), provider.MaxRaw)], Serial: provider.Clean(r.SerialNumber, 100), Reason: s.words.Clean(err.Error(), maxWords),
		})
		return
	}
	record := provider.NewRecord(cert)
	record.ProfileID, record.Holder = provider.Clean(r.Profile.ID, 200), provider.Clean(r.Seat.ID, 256)
	switch strings.ToUpper(r.Status) {
	case "VALID":
		record.Status = provider.StatusAt(record.NotAfter, s.config.Now())
	case "EXPIRED":
		record.Status = provider.StatusExpired
	case "REVOKED":
		record.Status = provider.StatusRevoked
	case "SUSPENDED":
		record.Status, record.Reason = provider.StatusSuspended, 6
	}
	page.Records = append(page.Records, record)
}
