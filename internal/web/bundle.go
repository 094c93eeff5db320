package web

import (
	"net/http"
	"net/url"
	"strconv"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/trust"
)

const (
	bundlesPath = Base + "bundles"

	// bundlesQuery asks for all bundles of a tenant, which may have 100.
	bundlesQuery = "$top=100&$orderby=name"

	// keptBundlesQuery asks for those that are not published as their sources are.
	keptBundlesQuery = "$top=100&$orderby=name&$filter=publishStatus+eq+'kept'"

	maxShownRoots = 40 // certificates on a bundle's page; the manifest has all
)

// A bundleRow is a bundle as the list shows it.
type bundleRow struct {
	Path   string
	Bundle pki.TrustBundle
	Name   string // for people; "" for none
	Status health
	Access string
}

// A bundlePage is one bundle.
type bundlePage struct {
	bundleRow

	Description string
	Address     string // of the published files, without their extension
	Held        []heldCertificate
	More        int // certificates that are not shown
	Files       []bundleFile
	Guides      []guide
	Fetchers    []fetcherTable
	Versions    []versionRow
	Older       string // address of the versions before, "" for none
	Later       bool   // these are not the last versions
}

// A heldCertificate is one that a bundle holds.
type heldCertificate struct {
	Kind, Subject, SHA256 string
	NotAfter              odata.DateTimeOffset
	Soon                  bool // ends within days
}

// A bundleFile is one that a bundle can be had as.
type bundleFile struct {
	Ext, Doc string
	Not      string // why it cannot be had so, "" where it can
}

func pathOfBundle(id pki.ID) string { return bundlesPath + "/" + url.PathEscape(string(id)) }

func newBundleRow(b *pki.TrustBundle) bundleRow {
	return bundleRow{Path: pathOfBundle(b.ID), Bundle: *b, Name: textOf(b.DisplayName), Status: bundleHealth(b.Status), Access: accessWords(b.Access)}
}

func bundleHealth(s pki.BundleStatus) health {
	switch s {
	case pki.BundlePublished:
		return health{"Published", "good"}
	case pki.BundleKept:
		return health{"Last version kept", "warn"}
	case pki.BundleEmpty:
	}
	return health{"Nothing published yet", "idle"}
}

func accessWords(a pki.BundleAccess) string {
	if a == pki.BundlePublic {
		return "everybody"
	}
	return "who has a token of this tenant"
}

func (s *Server) showBundles(v *visit) error {
	found, err := s.bundles.List(v.r.Context(), v.session.Principal.Tenant, s.queries.bundles)
	if err != nil {
		return err
	}
	rows := make([]bundleRow, len(found.Items))
	for i := range found.Items {
		rows[i] = newBundleRow(&found.Items[i])
	}
	return s.show(v, "bundles", "Trust bundles", rows)
}

// bundle returns the bundle that an address names.
func (s *Server) bundle(v *visit) (pki.TrustBundle, error) {
	return s.bundles.Get(v.r.Context(), v.session.Principal.Tenant, pki.ID(v.r.PathValue("id")))
}

func (s *Server) showBundle(v *visit) error {
	b, err := s.bundle(v)
	if err != nil {
		return err
	}
	p := bundlePage{
		bundleRow: newBundleRow(&b), Description: textOf(b.Description),
		Address: s.origin + "/trust/" + url.PathEscape(string(b.Tenant)) + "/" + url.PathEscape(b.Name),
	}
	if b.HasContent() {
		content, err := s.bundles.Content(v.r.Context(), b, b.Version)
		if err != nil {
			return err
		}
		p.Held, p.More = s.held(content)
		p.Files, p.Guides = s.filesOf(content), guidesOf(&b, p.Address)
		if err := s.addFetchers(v, &b, &p); err != nil {
			return err
		}
		if err := s.addVersions(v, b, content, &p); err != nil {
			return err
		}
	}
	return s.show(v, "bundle", b.Name, p)
}

// held lists what a version holds, and counts what the page has no room for.
func (s *Server) held(content pki.BundleContent) (list []heldCertificate, more int) {
	for i, c := range append(content.Roots[:len(content.Roots):len(content.Roots)], content.Intermediates...) {
		if i >= maxShownRoots {
			more++
			continue
		}
		kind := "Root"
		if i >= len(content.Roots) {
			kind = "Intermediate CA"
		}
		list = append(list, heldCertificate{
			Kind: kind, Subject: clip(c.Subject.String(), maxShownName), SHA256: pki.Thumbprint(c.Raw),
			NotAfter: odata.FromTime(c.NotAfter), Soon: c.NotAfter.Sub(s.now()) < soon,
		})
	}
	return list, more
}

// filesOf lists the formats that the service publishes.
func (s *Server) filesOf(content pki.BundleContent) []bundleFile {
	var list []bundleFile
	for _, f := range trust.Formats() {
		if !s.canWrite(f) {
			continue
		}
		row := bundleFile{Ext: f.Ext, Doc: f.Doc}
		if f.Ext == trust.DER().Ext && len(content.Roots) > 1 {
			row.Not = "It holds one root only, and this version has " + strconv.Itoa(len(content.Roots)) + "."
		}
		list = append(list, row)
	}
	return list
}

// canWrite reports whether the service can write a format at all.
func (s *Server) canWrite(f trust.Format) bool { return !f.Signed || s.signer != nil }

// sendBundleFile answers with the last version in one format, written as it is
// published. It is not counted as fetched: the count tells of devices.
func (s *Server) sendBundleFile(v *visit) error {
	format, ok := trust.Lookup(v.r.PathValue("ext"))
	if !ok || !s.canWrite(format) {
		return errNoPage()
	}
	b, err := s.bundle(v)
	if err != nil {
		return err
	}
	if !b.HasContent() {
		return &fault{status: http.StatusConflict, title: "Nothing published yet", Msg: b.Message}
	}
	content, err := s.bundles.Content(v.r.Context(), b, b.Version)
	if err != nil {
		return err
	}
	body, err := format.Write(trust.Bundle{
		Tenant: string(b.Tenant), Name: b.Name, Version: content.Version, Changed: content.Published.Time(),
		Roots: content.Roots, Intermediates: content.Intermediates,
	}, trust.Options{Signer: s.signer})
	if err != nil {
		return &fault{
			status: http.StatusConflict, title: "This version has no such file", Cause: err,
			Msg: "This version cannot be written as " + format.Ext + ": " + err.Error() + ". Take another format.",
		}
	}
	h := v.w.Header()
	h.Set("Content-Type", format.MediaType)
	h.Set("Content-Disposition", `attachment; filename="`+b.Name+"."+format.Ext+`"`)
	_, _ = v.w.Write(body) // the browser has gone: nobody is left to tell
	return nil
}
