package web

import (
	"slices"
	"strings"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

const namePaused = "paused"

// editSubscription shows the form of what can be changed of a subscription
// besides its credentials.
func (s *Server) editSubscription(v *visit) error {
	sub, kind, err := s.subscriptionOf(v)
	if err != nil {
		return err
	}
	return s.showForm(v, "Change "+nameOf(&sub), editForm(&sub, kind))
}

// editForm is the form with what stands in a subscription. Settings that the
// kind does not know, which its sync complains of, can be emptied there.
func editForm(sub *pki.Subscription, k provider.Kind) *form {
	for _, set := range sub.Settings {
		if !slices.ContainsFunc(k.Settings, func(s provider.Setting) bool { return s.Name == set.Name }) {
			k.Settings = append(slices.Clip(k.Settings), provider.Setting{Name: set.Name, Doc: "This kind of CA has no such setting. Empty it."})
		}
	}
	path := pathOf(sub.ID)
	last := scheduleFields()
	last.Fields = append(last.Fields, field{Name: namePaused, Member: namePaused, Label: "Pause the syncs", Kind: fieldCheck})
	f := &form{
		Back: path, Action: path + "/edit", Hidden: []hidden{{nameEdits, editsOf(sub)}},
		Groups: []group{namingFields()}, Buttons: []button{{Value: doSave, Text: "Save"}},
	}
	if settings := settingFields(k); len(settings.Fields) > 0 {
		f.Groups = append(f.Groups, settings)
	}
	f.Groups = append(f.Groups, last)
	stored := storedTexts(sub)
	f.each(func(one *field) { one.Value = stored[one.Name] })
	return f
}

// storedTexts returns the fields of a subscription as the form shows them.
func storedTexts(sub *pki.Subscription) map[string]string {
	texts := map[string]string{nameDisplay: textOf(sub.DisplayName), nameDescription: textOf(sub.Description)}
	if sub.Schedule != nil {
		texts[nameInterval] = showMinutes(*sub.Schedule)
	}
	if sub.TrustPolicy != nil {
		texts[nameTrust] = pki.TrustPolicyEnum().NameOf(int64(*sub.TrustPolicy))
	}
	if sub.IsPaused() {
		texts[namePaused] = "1"
	}
	for _, set := range sub.Settings {
		texts[settingPrefix+set.Name] = set.Value
	}
	return texts
}

// change saves what differs from what is stored.
func (s *Server) change(v *visit) error {
	sub, kind, err := s.subscriptionOf(v)
	if err != nil {
		return err
	}
	ctx, tenant := v.r.Context(), v.session.Principal.Tenant
	u := upload{values: v.r.PostForm}
	f := editForm(&sub, kind)
	f.Hidden = []hidden{{nameEdits, u.values.Get(nameEdits)}}
	f.fill(u)
	f.blame(f.check(u))
	if !f.IsWrong() {
		draft := changesIn(f, u, &sub)
		problems, err := s.service.CheckChange(ctx, tenant, sub.ID, draft)
		if err != nil {
			return err
		}
		f.blame(slices.DeleteFunc(problems, func(p pki.Problem) bool { return !concerns(draft, p.Target) }))
		if !f.IsWrong() {
			_, err = s.service.Update(ctx, tenant, v.actor(), sub.ID, draft, stillAs(u.values.Get(nameEdits)))
			if err := f.refuse(err); err != nil {
				return err
			}
		}
	}
	if f.IsWrong() {
		return s.showForm(v, "Change "+nameOf(&sub), f)
	}
	redirect(v.w, pathOf(sub.ID))
	return nil
}

// concerns reports whether a fault is of what a draft changes: what was wrong
// elsewhere before keeps nobody from changing a name.
func concerns(d pki.Draft, target string) bool {
	switch member, _, _ := strings.Cut(target, "/"); member {
	case "providerSettings":
		return d.Settings.State != odata.Absent
	case nameDisplay, nameDescription, nameInterval, nameTrust:
		return true
	}
	return false
}

// changesIn reads what a form changes of a subscription.
func changesIn(f *form, u upload, sub *pki.Subscription) pki.Draft {
	stored := storedTexts(sub)
	differs := func(name string) bool { return u.text(name) != strings.ReplaceAll(stored[name], "\r\n", "\n") }
	text := func(name string) pki.Maybe[string] { return orCleared(u.given(name), differs(name)) }
	d := pki.Draft{
		DisplayName: text(nameDisplay), Description: text(nameDescription),
		SyncSchedule: orCleared(intervalOf(u.values.Get(nameInterval)), differs(nameInterval)),
		TrustPolicy:  orCleared(policyOf(u.values.Get(nameTrust)), differs(nameTrust)),
	}
	if differs(namePaused) {
		d.Paused = pki.Given(u.values.Get(namePaused) != "")
	}
	var names []string
	f.each(func(one *field) {
		if name, ok := strings.CutPrefix(one.Name, settingPrefix); ok {
			names = append(names, name)
		}
	})
	if slices.ContainsFunc(names, func(name string) bool { return differs(settingPrefix + name) }) {
		d.Settings = orCleared(settingsOf(u, names), true)
	}
	return d
}

// orCleared makes a member of a change of what a field holds: nothing where it
// is as it was, and null where it was emptied.
func orCleared[T any](m pki.Maybe[T], differs bool) pki.Maybe[T] {
	switch {
	case !differs:
		return pki.Maybe[T]{}
	case !m.IsGiven():
		return pki.Cleared[T]()
	}
	return m
}
