package web

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

const (
	// certificatesQuery asks for a page of an inventory, what ends first in
	// front. Forty rows of the longest texts stay below 100 KB.
	certificatesQuery = "$top=40&$orderby=notAfter"

	maxSearch = 256 // bytes

	maxShownName  = 160 // bytes of a subject; exports have it whole
	maxShownOther = 100 // bytes of alternative names
	maxShownMark  = 40  // bytes of a serial number, profile or holder
)

// An inventoryPage is a page of a subscription's certificates.
type inventoryPage struct {
	Path     string // of the subscription
	ID       pki.ID // its name would take another query
	Here     string // of the inventory
	Search   string
	Status   string
	Statuses []string
	Rows     []certificateRow
	Next     string // address of the next page, "" for none
	Later    bool   // this is not the first page
	Export   string // query of the exports
}

// A certificateRow is a certificate as the inventory lists it.
type certificateRow struct {
	Path                                       string
	Subject, AltNames, Serial, Profile, Holder string
	NotAfter                                   odata.DateTimeOffset
	Status                                     health
}

// A search is what to look for in an inventory.
type search struct {
	text   string
	status string // "" for any
	query  odata.Query
}

// searchOf reads what a request looks for.
func (s *Server) searchOf(v *visit) (search, error) {
	asked := v.r.URL.Query()
	f := search{text: strings.TrimSpace(asked.Get("search")), status: asked.Get("status"), query: s.queries.certificates}
	if len(f.text) > maxSearch || !utf8.ValidString(f.text) || strings.ContainsRune(f.text, 0) {
		return search{}, errBadSearch("The text to look for is longer than 256 bytes, or no text.")
	}
	f.query.Search = odata.Fold(f.text)
	if f.status != "" {
		if !slices.Contains(statuses(), f.status) {
			return search{}, errBadSearch("There is no such state of a certificate.")
		}
		filtered, err := odata.ParseQuery("$filter=status+eq+'"+f.status+"'", pki.CertificateType())
		if err != nil {
			return search{}, err
		}
		f.query.Filter = filtered.Filter
	}
	return f, nil
}

// statuses are those of certificates, as the API names them.
func statuses() []string {
	var names []string
	for _, m := range pki.CertificateStatusEnum().Members {
		names = append(names, m.Name)
	}
	return names
}

// values are the parameters of a search.
func (f search) values() url.Values {
	v := url.Values{}
	if f.text != "" {
		v.Set("search", f.text)
	}
	if f.status != "" {
		v.Set("status", f.status)
	}
	return v
}

// next returns the address of the page behind a position, "" for none. The
// position is sealed: it is good for this list of this tenant alone.
func (s *Server) next(v *visit, values url.Values, after []odata.Value) string {
	if after == nil {
		return ""
	}
	values.Set("after", s.tokens.Seal(binding(v, values), after))
	return v.r.URL.Path + "?" + values.Encode()
}

// position returns where a page begins: nil for the start.
func (s *Server) position(v *visit, values url.Values) ([]odata.Value, error) {
	token := v.r.URL.Query().Get("after")
	if token == "" {
		return nil, nil
	}
	after, err := s.tokens.Open(binding(v, values), token)
	if err != nil {
		return nil, errBadSearch("The address of this page is damaged, or belongs to another search. Search again.")
	}
	return after, nil
}

func binding(v *visit, values url.Values) string {
	return strings.Join([]string{string(v.session.Principal.Tenant), v.r.URL.EscapedPath(), values.Encode()}, "\x00")
}

func (s *Server) showInventory(v *visit) error {
	f, err := s.searchOf(v)
	if err != nil {
		return err
	}
	if f.query.After, err = s.position(v, f.values()); err != nil {
		return err
	}
	ctx, tenant, id := v.r.Context(), v.session.Principal.Tenant, pki.ID(v.r.PathValue("id"))
	found, err := s.service.Certificates(ctx, tenant, id, f.query)
	if err != nil {
		return err
	}
	p := inventoryPage{
		Path: pathOf(id), ID: id, Here: pathOf(id) + "/certificates", Search: f.text, Status: f.status, Statuses: statuses(),
		Next: s.next(v, f.values(), found.After), Later: f.query.After != nil, Export: f.values().Encode(),
	}
	for i := range found.Items {
		p.Rows = append(p.Rows, newCertificateRow(id, &found.Items[i]))
	}
	return s.show(v, "inventory", "Certificates", p)
}

func newCertificateRow(subscription pki.ID, c *pki.Certificate) certificateRow {
	row := certificateRow{
		Path: pathOfCertificate(subscription, c.ID), Subject: clip(cmp.Or(c.SubjectDN, "not known"), maxShownName), AltNames: clip(c.AltNames, maxShownOther), Serial: clip(c.Serial, maxShownMark),
		Profile: clip(c.ProfileID, maxShownMark), Holder: clip(c.Holder, maxShownMark), NotAfter: c.NotAfter, Status: certificateHealth(c.Status),
	}
	if !c.Missing.IsNever() {
		row.Status = health{row.Status.Word + ", not listed any more", "warn"}
	}
	return row
}

func certificateHealth(s pki.CertificateStatus) health {
	h := health{pki.CertificateStatusEnum().NameOf(int64(s)), "idle"}
	switch s {
	case pki.CertificateValid:
		h.Class = "good"
	case pki.CertificateRevoked:
		h.Class = "bad"
	case pki.CertificateSuspended:
		h.Class = "warn"
	case pki.CertificateUnknown, pki.CertificateExpired:
	}
	return h
}

// clip cuts a text of others that a page has no room for, and makes it visible.
func clip(s string, most int) string {
	if s = visible(s); len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// visible writes out the characters that turn the direction of a text or take
// no room: with them a name would look like another (CVE-2021-42574). Those that
// join letters stay, for there are scripts that need them.
func visible(s string) string {
	if !strings.ContainsFunc(s, deceives) {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		if deceives(c) {
			fmt.Fprintf(&b, "[U+%04X]", c)
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

func deceives(c rune) bool {
	return unicode.Is(unicode.Bidi_Control, c) || strings.ContainsRune("\u00ad\u200b\u2060\ufeff", c) || unicode.IsControl(c) && !unicode.IsSpace(c)
}

func errBadSearch(text string) error {
	return &fault{status: http.StatusBadRequest, title: "Nothing was looked for", Msg: text}
}
