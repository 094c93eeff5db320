package sectigo

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// isRefusal reports whether err is the API's own word that it does not have, or
// does not give, what was asked for.
func isRefusal(err error) bool {
	var e *provider.Error
	return rest.IsStatus(err, http.StatusBadRequest, http.StatusNotFound) && errors.As(err, &e) &&
		(e.Code == provider.CodeUpstreamFault || e.Code == provider.CodeProtocol)
}

// withoutBody makes a record of the details alone. It is the same certificate as
// one that was told with its body before, so its issuer must be one of the
// CAs; where the details name none of them, there is no record.
func (s *session) withoutBody(ctx context.Context, i item, status string, d details) (r provider.Record, ok bool, err error) {
	serial, _ := provider.ParseSerial(cmp.Or(i.Serial, d.text("serialNumber"))) // "" where it is none
	more, _ := d["certificateDetails"].(map[string]any)
	name := sortedName(details(more).text("issuer"))
	if name == "" || serial == "" {
		return r, false, nil
	}
	if s.issuers[name] == nil && !s.asked {
		told, err := s.Authorities(ctx)
		if err != nil && !isRefusal(err) {
			return r, false, err
		}
		s.asked = true
		for _, a := range told.List {
			s.remember(a.Issuing.RawSubject, a.Issuing.Subject.String())
		}
	}
	by := s.issuers[name]
	if by == nil {
		return r, false, nil
	}
	r = provider.Record{
		RawIssuer: by.raw, IssuerDN: by.dn, Serial: serial,
		CommonName: provider.Clean(d.text("commonName"), 256), NotAfter: moment(d.text("expires")), Status: provider.StatusUnknown, Reason: -1,
	}
	s.describe(&r, status, d)
	return r, true, nil
}

// An issuerName is the name of a CA that has issued, as its certificates have it.
type issuerName struct {
	raw []byte
	dn  string // RFC 4514
}

// maxIssuers bounds what is remembered of a listing.
const maxIssuers = 1000

// remember keeps the name of a CA for certificates without a body.
func (s *session) remember(raw []byte, dn string) {
	if name := sortedName(dn); name != "" && len(s.issuers) < maxIssuers {
		s.issuers[name] = &issuerName{raw, dn}
	}
}

// sortedName makes a distinguished name comparable: how the API orders and
// spaces its parts is not documented.
func sortedName(dn string) string {
	if len(dn) > maxName {
		return ""
	}
	parts := strings.Split(strings.ToLower(dn), ",")
	for i, p := range parts {
		parts[i] = strings.Join(strings.Fields(p), " ")
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// maxName bounds a distinguished name in bytes.
const maxName = 2048
