package web

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strconv"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

const (
	shownVersions = 10 // versions on a page
	shownChanges  = 6  // certificates that are named for a version

	beforeParameter = "before" // the version in front of which a page begins
)

// A versionRow is a version of a bundle as a page lists it.
type versionRow struct {
	Version pki.TrustBundleVersion
	Changes []string
}

// addVersions adds the history of b to its page, the newest in front.
func (s *Server) addVersions(v *visit, b pki.TrustBundle, now pki.BundleContent, p *bundlePage) error {
	query := fmt.Sprintf("$top=%d&$orderby=version+desc", shownVersions+1)
	if text := v.r.URL.Query().Get(beforeParameter); text != "" {
		before, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return errNoPage()
		}
		query += fmt.Sprintf("&$filter=version+lt+%d", before)
		p.Later = before <= b.Version
	}
	q, err := odata.ParseQuery(query, pki.TrustBundleVersionType())
	if err != nil {
		return err
	}
	found, err := s.bundles.Versions(v.r.Context(), b.Tenant, b.ID, q)
	if err != nil {
		return err
	}
	subjects := subjects{bundles: s.bundles, bundle: b, known: make(map[string]string)}
	subjects.learn(now)
	list := found.Items
	for i := range list[:min(len(list), shownVersions)] {
		row := versionRow{Version: list[i]}
		switch {
		case i+1 < len(list):
			row.Changes, err = subjects.changes(v.r.Context(), &list[i+1], &list[i])
		case list[i].Version == 1:
			row.Changes = []string{"The first version."}
		default:
			row.Changes = []string{"What it was before is not kept any longer."}
		}
		if err != nil {
			return err
		}
		p.Versions = append(p.Versions, row)
	}
	if len(list) > shownVersions {
		p.Older = p.Path + "?" + beforeParameter + "=" + strconv.FormatInt(list[shownVersions-1].Version, 10)
	}
	return nil
}

// subjects name the certificates of a bundle's versions. Lists of versions have
// thumbprints alone, so a version is read where none of those read has a name.
type subjects struct {
	bundles *pki.Bundles
	bundle  pki.TrustBundle
	known   map[string]string // by SHA-256
}

func (n *subjects) learn(content pki.BundleContent) {
	for _, list := range [][]*x509.Certificate{content.Roots, content.Intermediates} {
		for _, c := range list {
			n.known[pki.Thumbprint(c.Raw)] = clip(c.Subject.String(), maxShownOther)
		}
	}
}

// of returns the name of a certificate that a version holds. A version that is
// gone meanwhile leaves it without one.
func (n *subjects) of(ctx context.Context, thumbprint string, version int64) (string, error) {
	if name, ok := n.known[thumbprint]; ok {
		return name, nil
	}
	content, err := n.bundles.Content(ctx, n.bundle, version)
	if err != nil && pki.CodeOf(err) != pki.CodeNotFound {
		return "", err
	}
	n.learn(content)
	return n.known[thumbprint], nil
}

// changes tells what a version has that the one before had not, and the other
// way round.
func (n *subjects) changes(ctx context.Context, before, after *pki.TrustBundleVersion) ([]string, error) {
	var list []string
	rest := 0
	tell := func(what string, have, had []string, version int64) error {
		for _, id := range have {
			if slices.Contains(had, id) {
				continue
			}
			if len(list) == shownChanges {
				rest++
				continue
			}
			name, err := n.of(ctx, id, version)
			if err != nil {
				return err
			}
			list = append(list, fmt.Sprintf("%s: %s, SHA-256 %s", what, name, id))
		}
		return nil
	}
	for _, step := range []struct {
		what      string
		have, had []string
		version   int64
	}{
		{"Root added", after.RootIDs, before.RootIDs, after.Version},
		{"Root removed", before.RootIDs, after.RootIDs, before.Version},
		{"Intermediate CA added", after.IntermediateIDs, before.IntermediateIDs, after.Version},
		{"Intermediate CA removed", before.IntermediateIDs, after.IntermediateIDs, before.Version},
	} {
		if err := tell(step.what, step.have, step.had, step.version); err != nil {
			return nil, err
		}
	}
	if rest > 0 {
		list = append(list, fmt.Sprintf("%d more", rest))
	}
	return list, nil
}
