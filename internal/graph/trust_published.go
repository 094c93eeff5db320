package graph

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/limit"
	"cloudpki/internal/pki"
	"cloudpki/internal/trust"
)

// trustPath is below what bundles are published.
const trustPath = "/trust/"

// Trust returns a handler for what is published below /trust/: the last version
// of a bundle at TENANT/NAME.EXT, and each version at TENANT/NAME/VERSION.EXT.
// Who may not fetch a bundle learns as little as who asks for one that there is
// not: without a good token 401, with another tenant's 404.
func (s *Server) Trust() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, s.answerTrust)
	})
}

// A wantedFile is what the address of a request names.
type wantedFile struct {
	bundleAddress

	format  trust.Format
	version int64 // 0 for the last one
}

// The addresses below which bundles are published, by what they name.
const (
	placeOfBundle  = trustPath + "{tenant}/{file}"
	placeOfVersion = trustPath + "{tenant}/{name}/{file}"
)

func (w wantedFile) place() string {
	if w.version == 0 {
		return placeOfBundle
	}
	return placeOfVersion
}

func (s *Server) answerTrust(x *exchange) error {
	x.place = trustPath
	if x.r.Method != http.MethodGet && x.r.Method != http.MethodHead {
		return methodNotAllowed(x.r.Method, http.MethodGet+", "+http.MethodHead)
	}
	if err := s.boundHeader(x); err != nil {
		return err
	}
	wanted, err := parseTrustPath(strings.TrimPrefix(x.r.URL.Path, trustPath))
	if err != nil {
		return err
	}
	x.place, x.keys = wanted.place(), []string{wanted.name}
	var f *file
	var b pki.TrustBundle
	var public bool
	if err := x.enter(s.limits.doors, limit.Client{}, func() (err error) {
		b, public, err = s.admitFetch(x, wanted.bundleAddress)
		if err != nil {
			return err
		}
		f, err = s.trustFile(x, b, wanted, public)
		return err
	}); err != nil {
		return err
	}
	// Sent when the place was given back: who reads slowly holds nobody up.
	if err := x.sendFile(f, public, f.life(wanted.version != 0)); err != nil || x.r.Method == http.MethodHead {
		return err
	}
	s.noteFetch(x, b, f.version, wanted.format.Ext)
	return nil
}

// admitFetch returns the bundle of an address, if it has a version and who asks
// may fetch it, and whether everybody may.
func (s *Server) admitFetch(x *exchange, a bundleAddress) (b pki.TrustBundle, public bool, err error) {
	b, err = s.publishedBundle(x, a)
	if err != nil && pki.CodeOf(err) != pki.CodeNotFound {
		return b, false, err
	}
	public = err == nil && b.Access == pki.BundlePublic && b.HasContent()
	if !public {
		if err := s.admitReader(x, a); err != nil {
			return b, false, err
		}
	}
	if err == nil && !b.HasContent() {
		err = &pki.Error{Code: pki.CodeNotFound, Msg: "The trust bundle has no version yet: " + b.Message}
	}
	return b, public, err
}

// parseTrustPath reads TENANT/NAME.EXT or TENANT/NAME/VERSION.EXT.
func parseTrustPath(path string) (w wantedFile, err error) {
	parts := strings.Split(path, "/")
	last := parts[len(parts)-1]
	stem := ""
	for _, f := range trust.Formats() {
		if s, ok := strings.CutSuffix(last, "."+f.Ext); ok && len(f.Ext) > len(w.format.Ext) {
			stem, w.format = s, f
		}
	}
	switch {
	case stem == "" || !pki.ID(parts[0]).Valid():
	case len(parts) == 2 && pki.ID(stem).Valid():
		w.tenant, w.name = pki.TenantID(parts[0]), stem
		return w, nil
	case len(parts) == 3 && pki.ID(parts[1]).Valid():
		w.tenant, w.name = pki.TenantID(parts[0]), parts[1]
		n, err := strconv.ParseInt(stem, 10, 64)
		if err == nil && n > 0 && strconv.FormatInt(n, 10) == stem {
			w.version = n
			return w, nil
		}
	}
	return w, noSegment(last)
}

// publishedBundle looks a bundle up, unless that was done just now. Where the
// store fails, what was seen last stays published.
func (s *Server) publishedBundle(x *exchange, a bundleAddress) (pki.TrustBundle, error) {
	now := s.now()
	seen, found, fresh := s.shelf.bundle(a, now)
	if fresh {
		return seen, nil
	}
	var b pki.TrustBundle
	err := x.enter(s.limits.runs, x.client(), func() (err error) {
		b, err = s.bundles.Published(x.r.Context(), a.tenant, a.name)
		return err
	})
	switch {
	case err == nil:
		s.shelf.putBundle(a, b, now)
	case pki.CodeOf(err) == pki.CodeNotFound:
		s.shelf.dropBundle(a)
	case found:
		return seen, nil
	}
	return b, err
}

// admitReader lets through who has a token that may read the tenant.
func (s *Server) admitReader(x *exchange, a bundleAddress) error {
	p, err := s.identify(x)
	if err != nil {
		return s.spendFailure(x, err)
	}
	x.principal = p
	if err := s.spendBudget(x); err != nil {
		return err
	}
	if err := p.Allows(auth.Read); err != nil {
		return err
	}
	if p.Tenant != a.tenant {
		return pki.NotFound(s.nouns.bundles.entity.Name, pki.ID(a.name))
	}
	return nil
}

// trustFile returns the bytes that are wanted, written once for all who ask.
// Those that are public are paid for by the network that asks.
func (s *Server) trustFile(x *exchange, b pki.TrustBundle, w wantedFile, public bool) (*file, error) {
	at := fileAddress{bundleAddress: w.bundleAddress, id: b.ID, version: w.version, ext: w.format.Ext}
	if at.version == 0 {
		at.version = b.Version
	}
	f := s.shelf.file(at)
	if public {
		if err := s.spendFetch(x, f); err != nil {
			return nil, err
		}
	}
	if f != nil {
		return f, nil
	}
	err := x.enter(s.limits.runs, x.client(), func() error {
		content, err := s.bundles.Content(x.r.Context(), b, at.version)
		if err != nil {
			return err
		}
		body, err := w.format.Write(trust.Bundle{
			Tenant: string(b.Tenant), Name: b.Name, Version: content.Version, Changed: content.Published.Time(),
			Roots: content.Roots, Intermediates: content.Intermediates,
		}, trust.Options{Signer: s.signer})
		if err != nil {
			return notWritable(w.format, err)
		}
		f = newFile(at, w.format, s.modified(w.format, content.Published.Time()), body)
		s.shelf.putFile(at, f)
		return nil
	})
	return f, err
}

// modified returns when the bytes of a version became what they are: when it
// was published or, where they are signed, when the signer's certificate began.
func (s *Server) modified(f trust.Format, published time.Time) time.Time {
	if s.signer != nil && f.Signable && s.signer.Chain[0].NotBefore.After(published) {
		return s.signer.Chain[0].NotBefore
	}
	return published
}

// notWritable is the answer where a format cannot hold the bundle.
func notWritable(f trust.Format, err error) error {
	if errors.Is(err, trust.ErrEmpty) {
		return internal(err) // none is stored that is empty
	}
	return &fault{
		status: http.StatusConflict, code: codeConflict, cause: err,
		message: fmt.Sprintf("This version of the trust bundle cannot be written as '%s': %s. Fetch it in another format.", f.Ext, err),
	}
}

// sendFile answers with f, or with 304 where the client has it already (RFC
// 9110, 13.2.2).
func (x *exchange) sendFile(f *file, public bool, life string) error {
	if err := x.wantsFile(f); err != nil {
		return err
	}
	same, err := x.hasFile(f)
	if err != nil {
		return err
	}
	h := x.w.Header()
	delete(h, "OData-Version") // this is no OData
	fields := f.header
	if same {
		fields = f.kept
	}
	for name, values := range fields {
		h[name] = values
	}
	whose := "private"
	if public {
		whose = "public"
		h["Vary"] = []string{"Origin"}
	}
	h["Cache-Control"] = []string{whose + ", " + life}
	if same {
		x.write(http.StatusNotModified, nil)
		return nil
	}
	x.write(http.StatusOK, f.body)
	return nil
}
