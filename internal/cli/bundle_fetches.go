package cli

import (
	"strconv"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

func (p *program) bundleFetchesCommand() *cobra.Command {
	var flags listFlags
	var outdated bool
	cmd := &cobra.Command{
		Use: "fetches BUNDLE", Short: "List who fetched which version of a trust bundle", Args: one("BUNDLE, its name or id,"),
		ValidArgsFunction: p.completeBundle,
		Example:           "  cloudpki bundle fetches devices --outdated\n  cloudpki bundle fetches devices --filter \"version eq 7\"",
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&outdated, "outdated", false, "only who has no more than an older version")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		service, err := p.service()
		if err != nil {
			return err
		}
		b, err := findBundle(cmd.Context(), service, args[0])
		if err != nil {
			return err
		}
		var conditions []string
		if outdated {
			conditions = []string{"hasNewerVersion eq false", "version lt " + strconv.FormatInt(b.Version, 10)}
		}
		return list(cmd.Context(), p, p.bundleFetches(b.ID), &flags, conditions...)
	}
	return cmd
}

func (p *program) bundleFetches(id string) listing[graph.TrustBundleFetch] {
	return listing[graph.TrustBundleFetch]{
		segments: []string{bundleSet, id, fetchSet},
		columns: []column{
			{title: "VERSION"},
			{title: "TYPE"},
			{title: "NAME"},
			{title: "FETCHER", least: 12},
			{title: "FORMAT"},
			{title: "FETCHED"},
			{title: "FIRST", when: true},
			{title: "LAST", when: true},
		},
		row: func(f graph.TrustBundleFetch) []string {
			return []string{
				strconv.FormatInt(f.Version, 10), f.FetcherType, orDash(f.FetcherName), orDash(&f.FetcherID), f.Format,
				strconv.FormatInt(f.Count, 10), when(&f.First, p.now()), when(&f.Last, p.now()),
			}
		},
		none: "nobody fetched it yet",
	}
}
