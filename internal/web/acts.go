package web

import (
	"fmt"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// countQuery asks how many there are, and for as little else as can be.
const countQuery = "$top=1&$count=true"

// deletedParameter has the overview say that a subscription was deleted.
const deletedParameter = "deleted"

// cancelSync asks the sync under way to stop.
func (s *Server) cancelSync(v *visit) error {
	id := pki.ID(v.r.PathValue("id"))
	run, err := s.service.CancelSync(v.r.Context(), v.session.Principal.Tenant, v.actor(), id)
	if err != nil {
		return err
	}
	target := pathOf(id)
	if run.ID != "" {
		target += "?" + watchParameter + "=1" // it ends at its worker's next heartbeat
	}
	redirect(v.w, target)
	return nil
}

// previewSync asks for a dry run and leads to where it can be watched.
func (s *Server) previewSync(v *visit) error {
	id := pki.ID(v.r.PathValue("id"))
	if _, err := s.service.RequestPreview(v.r.Context(), v.session.Principal.Tenant, v.actor(), id); err != nil {
		return err
	}
	redirect(v.w, pathOf(id)+"?"+watchParameter+"=1")
	return nil
}

// confirmDelete says what goes with a subscription, and asks whether it is meant.
func (s *Server) confirmDelete(v *visit) error {
	sub, kind, err := s.subscriptionOf(v)
	if err != nil {
		return err
	}
	q, err := odata.ParseQuery(countQuery, pki.CertificateType())
	if err != nil {
		return err
	}
	found, err := s.service.Certificates(v.r.Context(), v.session.Principal.Tenant, sub.ID, q)
	if err != nil {
		return err
	}
	path := pathOf(sub.ID)
	return s.showForm(v, "Delete "+nameOf(&sub), &form{
		Intro: fmt.Sprintf("The subscription %s to %s is deleted for good, with:", sub.ID, kind.Title),
		Items: []string{
			"its settings and all its credentials: those in use, staged ones and previous ones",
			fmt.Sprintf("its inventory of %d certificates, and its roots and issuers", found.Count),
			"the history of its syncs",
			"its roots in trust bundles: devices that are given those bundles lose them with the next version",
		},
		After: "Nothing is done at the CA, where certificates stay as they are. The audit trail is kept.",
		Back:  path, Action: path + "/delete", Hidden: []hidden{{nameEdits, editsOf(&sub)}},
		Buttons: []button{{Value: "delete", Text: "Delete for good"}},
	})
}

// deleteSubscription deletes what the page of confirmation was shown for.
func (s *Server) deleteSubscription(v *visit) error {
	id := pki.ID(v.r.PathValue("id"))
	if err := s.service.Delete(v.r.Context(), v.session.Principal.Tenant, v.actor(), id, stillAs(v.r.PostForm.Get(nameEdits))); err != nil {
		return err
	}
	redirect(v.w, "/?"+deletedParameter+"=1")
	return nil
}
