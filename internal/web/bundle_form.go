package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// choicesQuery asks for the subscriptions that a form offers. Those beyond are
// named by their ids.
const choicesQuery = "$top=100&$count=true&$orderby=displayName&$select=id,displayName"

// A bundleForm is what a person writes of a bundle.
type bundleForm struct {
	Action, Back  string
	New           bool
	Edits         string // the state that the form was made of
	Name          string
	DisplayName   string
	Description   string
	Some          bool // the subscriptions that are chosen, else all
	Choices       []offeredSubscription
	Others        string // ids of others, one a line
	MoreThanShown bool
	Intermediates bool
	Public        bool
	Problems      []string
}

// An offeredSubscription is one that a form offers.
type offeredSubscription struct {
	ID     pki.ID
	Name   string
	Chosen bool
}

func (s *Server) askNewBundle(v *visit) error {
	f := bundleForm{Action: bundlesPath, Back: bundlesPath, New: true}
	return s.showBundleForm(v, &f, nil)
}

func (s *Server) askBundle(v *visit) error {
	b, err := s.bundle(v)
	if err != nil {
		return err
	}
	f := bundleForm{
		Action: pathOfBundle(b.ID) + "/edit", Back: pathOfBundle(b.ID), Edits: pki.EditsOf(b.ETag()), Name: b.Name, DisplayName: textOf(b.DisplayName), Description: textOf(b.Description),
		Some: len(b.Subscriptions) > 0, Intermediates: b.Intermediates, Public: b.Access == pki.BundlePublic,
	}
	return s.showBundleForm(v, &f, b.Subscriptions)
}

// showBundleForm answers with the form, in which some subscriptions are chosen.
func (s *Server) showBundleForm(v *visit, f *bundleForm, chosen []string) error {
	status, title := http.StatusOK, "New trust bundle"
	if !f.New {
		title = "Change " + f.Name
	}
	if len(f.Problems) > 0 {
		status = http.StatusBadRequest
	}
	found, err := s.service.List(v.r.Context(), v.session.Principal.Tenant, s.queries.choices)
	if err != nil {
		return err
	}
	offered := make(map[string]bool, len(found.Items))
	for i := range found.Items {
		sub := &found.Items[i]
		offered[string(sub.ID)] = true
		f.Choices = append(f.Choices, offeredSubscription{ID: sub.ID, Name: clip(nameOf(sub), maxShownOther), Chosen: slices.Contains(chosen, string(sub.ID))})
	}
	others := slices.DeleteFunc(slices.Clone(chosen), func(id string) bool { return offered[id] })
	f.Others, f.MoreThanShown = strings.Join(others, "\n"), len(others) > 0 || found.Count > int64(len(found.Items))
	return s.write(v, status, "bundleform", title, f)
}

// readBundleForm reads what was written.
func readBundleForm(form url.Values) (f bundleForm, chosen []string) {
	f = bundleForm{
		Name: form.Get("name"), DisplayName: form.Get("displayName"), Description: form.Get("description"),
		Some: form.Get("sources") == "some", Intermediates: form.Get("intermediates") != "", Public: form.Get("access") == "public",
	}
	chosen = slices.Concat(form["subscription"], strings.Fields(form.Get("others")))
	switch {
	case f.Some && len(chosen) == 0:
		f.Problems = []string{"Choose at least one subscription, or all of the tenant."}
	case !f.Some && len(chosen) > 0: // else devices would trust more than was chosen
		f.Problems = []string{"Some subscriptions are chosen, and all of the tenant as well. Choose one of the two."}
	}
	return f, chosen
}

// draft returns the form as the rules take it.
func (f *bundleForm) draft(chosen []string) pki.BundleDraft {
	d := pki.BundleDraft{
		DisplayName: textOrCleared(f.DisplayName), Description: textOrCleared(f.Description),
		Subscriptions: pki.Given(chosen), Intermediates: pki.Given(f.Intermediates), Access: pki.Given(pki.BundleToken),
	}
	if f.Public {
		d.Access = pki.Given(pki.BundlePublic)
	}
	return d
}

func textOrCleared(s string) pki.Maybe[string] {
	if s = strings.TrimSpace(s); s == "" {
		return pki.Cleared[string]()
	}
	return pki.Given(s)
}

func (s *Server) createBundle(v *visit) error {
	f, chosen := readBundleForm(v.r.PostForm)
	f.Action, f.Back, f.New = bundlesPath, bundlesPath, true
	d := f.draft(chosen)
	d.Name = pki.Given(f.Name)
	return s.saveBundle(v, &f, chosen, func() (pki.TrustBundle, error) {
		return s.bundles.Create(v.r.Context(), v.session.Principal.Tenant, v.actor(), d, nil)
	})
}

func (s *Server) changeBundle(v *visit) error {
	b, err := s.bundle(v)
	if err != nil {
		return err
	}
	f, chosen := readBundleForm(v.r.PostForm)
	f.Action, f.Back, f.Name, f.Edits = pathOfBundle(b.ID)+"/edit", pathOfBundle(b.ID), b.Name, v.r.PostForm.Get(nameEdits)
	return s.saveBundle(v, &f, chosen, func() (pki.TrustBundle, error) {
		return s.bundles.Update(v.r.Context(), v.session.Principal.Tenant, v.actor(), b.ID, f.draft(chosen), asSeen(f.Edits))
	})
}

// saveBundle saves a form and leads to the bundle. What is wrong with the form
// is told in the form, so that nothing has to be written twice.
func (s *Server) saveBundle(v *visit, f *bundleForm, chosen []string, save func() (pki.TrustBundle, error)) error {
	if len(f.Problems) == 0 {
		b, err := save()
		if err == nil {
			redirect(v.w, pathOfBundle(b.ID))
			return nil
		}
		if f.Problems = problemsOf(err); f.Problems == nil {
			return err
		}
	}
	return s.showBundleForm(v, f, chosen)
}

// problemsOf returns what a person can mend in a form, nil for other errors.
func problemsOf(err error) []string {
	var refused *pki.Error
	if !errors.As(err, &refused) {
		return nil
	}
	switch refused.Code {
	case pki.CodeInvalid, pki.CodeExists, pki.CodeQuota:
	default:
		return nil
	}
	if len(refused.Details) == 0 {
		return []string{refused.Msg}
	}
	list := make([]string, len(refused.Details))
	for i, d := range refused.Details {
		list[i] = d.Msg
	}
	return list
}

// askDeleteBundle says what goes with a bundle, and asks whether it is meant.
func (s *Server) askDeleteBundle(v *visit) error {
	b, err := s.bundle(v)
	if err != nil {
		return err
	}
	q, err := odata.ParseQuery("$top=1&$orderby=version+desc", pki.TrustBundleVersionType())
	if err != nil {
		return err
	}
	versions, err := s.bundles.Versions(v.r.Context(), b.Tenant, b.ID, q)
	if err != nil {
		return err
	}
	data := struct {
		bundleRow

		Edits string
		Last  []pki.TrustBundleVersion
	}{newBundleRow(&b), pki.EditsOf(b.ETag()), versions.Items}
	return s.show(v, "bundledelete", "Delete "+b.Name+"?", data)
}

func (s *Server) deleteBundle(v *visit) error {
	if err := s.bundles.Delete(v.r.Context(), v.session.Principal.Tenant, v.actor(), pki.ID(v.r.PathValue("id")), asSeen(v.r.PostForm.Get(nameEdits))); err != nil {
		return err
	}
	redirect(v.w, bundlesPath)
	return nil
}
