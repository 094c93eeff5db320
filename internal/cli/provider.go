package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/all"
)

func (p *program) providerCommand() *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "List the kinds of CA that this version can sync", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if p.output == outputJSON {
				return p.printProviders(all.Kinds())
			}
			t := p.newTable([]column{{title: "PROVIDER"}, {title: "INVENTORY"}, {title: "CRL"}, {title: "ISSUES"}, {title: "REVOKES"}, {title: "WHAT IT IS", least: 20}})
			var rows [][]string
			for _, k := range all.Kinds() {
				rows = append(rows, []string{k.Name, inventoryWord(k.Can.Inventory), yesNo(k.Can.Revocations), yesNo(k.Can.Issue), yesNo(k.Can.Revoke), k.Title})
			}
			return t.write(p.out, rows)
		},
	}
	show := &cobra.Command{
		Use: "show PROVIDER", Short: "Show what a kind of CA must be told", Args: one("PROVIDER"),
		ValidArgsFunction: completeProvider,
		RunE: func(_ *cobra.Command, args []string) error {
			for _, k := range all.Kinds() {
				if strings.EqualFold(k.Name, args[0]) {
					if p.output == outputJSON {
						return p.printProviders([]provider.Kind{k})
					}
					_, err := fmt.Fprint(p.out, providerText(k))
					return err
				}
			}
			return misuse("`cloudpki provider list` lists them", "there is no provider %q", args[0])
		},
	}
	return parent("provider", "Show the kinds of CA and their settings", list, show)
}

// A providerView is a kind as programs read it.
type providerView struct {
	Name       string        `json:"name"`
	Title      string        `json:"title"`
	ServiceURI string        `json:"serviceUri,omitempty"`
	Inventory  string        `json:"inventory,omitempty"`
	CRLs       bool          `json:"revocationLists"`
	Issues     bool          `json:"issues"`
	Revokes    bool          `json:"revokes"`
	Settings   []settingView `json:"settings"`
}

type settingView struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Values   []string `json:"values,omitempty"`
	Required bool     `json:"required"`
	Doc      string   `json:"description"`
	Example  string   `json:"example"`
}

func (p *program) printProviders(kinds []provider.Kind) error {
	list := make([]providerView, len(kinds))
	for i, k := range kinds {
		list[i] = providerView{k.Name, k.Title, k.DefaultURI, string(k.Can.Inventory), k.Can.Revocations, k.Can.Issue, k.Can.Revoke, []settingView{}}
		for _, s := range k.Settings {
			list[i].Settings = append(list[i].Settings, settingView{s.Name, string(s.Type), s.Values, s.Required, s.Doc, s.Example})
		}
	}
	encoded, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, "%s\n", encoded)
	return err
}

// inventoryWord says in words how a list of certificates is followed.
func inventoryWord(m provider.InventoryMode) string {
	return map[provider.InventoryMode]string{
		provider.InventoryNone:         "none",
		provider.InventoryFull:         "whole list",
		provider.InventoryIssuedWindow: "by dates",
		provider.InventoryUpdatedSince: "by changes",
		provider.InventoryEvents:       "by events",
	}[m]
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// providerText describes one kind for a person.
func providerText(k provider.Kind) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", k.Name, k.Title)
	fmt.Fprintf(&b, "  --uri        %s\n", cmp.Or(k.DefaultURI, "required"))
	fmt.Fprintf(&b, "  page         docs/providers/%s.md, at a running service /docs/providers/%s\n", strings.ToLower(k.Name), strings.ToLower(k.Name))
	fmt.Fprintf(&b, "  inventory    %s\n  issues       %s\n  revokes      %s\n", inventoryWord(k.Can.Inventory), yesNo(k.Can.Issue), yesNo(k.Can.Revoke))
	for i, s := range k.Settings {
		if i == 0 {
			b.WriteString("\nSettings (--setting NAME=VALUE):\n")
		}
		required := ""
		if s.Required {
			required = ", required"
		}
		fmt.Fprintf(&b, "\n  %s (%s%s)\n    %s\n    for example: %s\n", s.Name, s.TypeName(), required, s.Doc, shortExample(s.Example))
	}
	return b.String()
}

// shortExample is the beginning of an example that would fill the page, such as
// a certificate; -o json has all of it.
func shortExample(example string) string {
	const longest = 80
	first, _, more := strings.Cut(example, "\n")
	if len(first) > longest {
		first, more = first[:longest], true
	}
	if more {
		first += "..."
	}
	return first
}
