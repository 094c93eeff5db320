package symantec

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The golden requests were checked by eye against the vendor's WSDL: order,
// namespaces, and requestFilter where nothing is filtered.
func TestRequestsAreWrittenAsTheSchemaWants(t *testing.T) {
	for name, r := range map[string]request{
		"policies_all":      policiesRequest("TXID", nil),
		"policies_profiles": policiesRequest("TXID", []string{"2.16.840.1.113733.1.16.1.2.3.1.1.1", "2.16.840.1.113733.1.16.1.2.3.6.1.2"}),
		"search_all":        searchRequest(searchData{TxID: "TXID"}),
		"search_profile":    searchRequest(searchData{TxID: "TXID", Account: "81234567", Profile: "2.16.840.1.113733.1.16.1.2.3.1.1.1", Start: 49}),
		"search_escaped":    searchRequest(searchData{TxID: `<&">`, Account: "</accountId><x>", Start: 1}),
		"search_serial":     searchRequest(searchData{TxID: "TXID", Serial: "1a2b"}),
		"revoke":            revokeRequest(revokeData{"TXID", "Superseded", "1a2b"}),
		"issue":             issueRequest(issueData{"TXID", "2.16.840.1.113733.1.16.1.2.3.1.1.1", "MIIB", []pair{{"seat_id", "printer"}, {"common_name", "<printer>"}}, ""}),
		"issue_pending":     issueRequest(issueData{TxID: "TXID", Profile: "2.16.840.1.113733.1.16.1.2.3.1.1.1", Pending: "R<1>"}),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := r.envelope()
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".xml")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("got:\n%s\nwant (%v):\n%s", got, err, want)
			}
			if _, err := parseEnvelope(got); err != nil {
				t.Errorf("not well-formed: %v", err)
			}
		})
	}
	if id := transactionID(); len(id) < 20 || len(id) > 40 {
		t.Errorf("transaction id of %d characters; the schema permits 40", len(id))
	}
}
