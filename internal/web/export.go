package web

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// exportPage is how many certificates are read at a time.
const exportPage = odata.MaxTop

// A record is a certificate as exports have it, its members named as in the API.
type record struct {
	ID         string `json:"id"`
	Subject    string `json:"subjectName"`
	CommonName string `json:"commonName"`
	AltNames   string `json:"subjectAlternativeNames"`
	Issuer     string `json:"issuerName"`
	Serial     string `json:"serialNumber"`
	Thumbprint string `json:"thumbprint"`
	NotBefore  string `json:"notBefore"`
	NotAfter   string `json:"notAfter"`
	Status     string `json:"status"`
	Revoked    string `json:"revocationDateTime"`
	Profile    string `json:"profileId"`
	Holder     string `json:"holder"`
	Missing    string `json:"missingSinceDateTime"`
}

func newRecord(c *pki.Certificate) record {
	return record{
		string(c.ID), c.SubjectDN, c.CommonName, c.AltNames, c.IssuerDN, c.Serial, c.SHA256, stamp(c.NotBefore), stamp(c.NotAfter),
		pki.CertificateStatusEnum().NameOf(int64(c.Status)), stamp(c.RevokedAt), c.ProfileID, c.Holder, stamp(c.Missing),
	}
}

func stamp(d odata.DateTimeOffset) string {
	if d.IsNever() {
		return ""
	}
	return d.String()
}

// A writer writes records in one form.
type writer interface {
	begin() error
	write(r record) error
	flush() error // what was written so far
	end() error
}

// exportCSV and exportJSON answer with all certificates that a search finds,
// while they are read.
func (s *Server) exportCSV(v *visit) error {
	return s.export(v, "csv", "text/csv; charset=utf-8", &csvWriter{csv.NewWriter(v.w)})
}

func (s *Server) exportJSON(v *visit) error {
	return s.export(v, "json", "application/json; charset=utf-8", &jsonWriter{out: v.w})
}

func (s *Server) export(v *visit, extension, kind string, out writer) error {
	f, err := s.searchOf(v)
	if err != nil {
		return err
	}
	f.query.Top = exportPage
	found, err := s.service.Certificates(v.r.Context(), v.session.Principal.Tenant, pki.ID(v.r.PathValue("id")), f.query)
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="certificates.`+extension+`"`)
	if err := s.stream(v, f.query, found, out); err != nil {
		// Half of a list must not look like the whole: the connection breaks.
		return http.NewResponseController(v.w).SetWriteDeadline(time.Unix(1, 0))
	}
	return nil
}

// stream writes the pages of a query, of which the first has been read.
func (s *Server) stream(v *visit, q odata.Query, page pki.Page[pki.Certificate], out writer) error {
	if err := out.begin(); err != nil {
		return fmt.Errorf("write an export: %w", err)
	}
	for {
		for i := range page.Items {
			if err := out.write(newRecord(&page.Items[i])); err != nil {
				return fmt.Errorf("write an export: %w", err)
			}
		}
		if err := out.flush(); err != nil {
			return fmt.Errorf("write an export: %w", err)
		}
		if q.After = page.After; q.After == nil {
			return out.end()
		}
		var err error
		if page, err = s.service.Certificates(v.r.Context(), v.session.Principal.Tenant, pki.ID(v.r.PathValue("id")), q); err != nil {
			return err
		}
	}
}

// A csvWriter writes RFC 4180, with a line of names in front.
type csvWriter struct{ out *csv.Writer }

func (w *csvWriter) begin() error {
	return w.out.Write([]string{
		"id", "subjectName", "commonName", "subjectAlternativeNames", "issuerName", "serialNumber", "thumbprint", "notBefore", "notAfter",
		"status", "revocationDateTime", "profileId", "holder", "missingSinceDateTime",
	})
}

func (w *csvWriter) write(r record) error {
	return w.out.Write([]string{
		r.ID, plain(r.Subject), plain(r.CommonName), plain(r.AltNames), plain(r.Issuer), r.Serial, r.Thumbprint, r.NotBefore, r.NotAfter,
		r.Status, r.Revoked, plain(r.Profile), plain(r.Holder), r.Missing,
	})
}

func (w *csvWriter) flush() error { w.out.Flush(); return w.out.Error() }

func (w *csvWriter) end() error { return w.flush() }

// plain keeps a spreadsheet from taking a text, or what follows a separator in
// it, for a formula (OWASP, CSV Injection): whoever may ask a CA for a
// certificate chooses what stands in it. The semicolon separates cells where
// commas are decimal, whatever is quoted.
func plain(s string) string {
	var b strings.Builder
	begins := true // a cell, for one spreadsheet or another
	for i, c := range s {
		formula := strings.ContainsRune("=+-@＝＋－＠", c)
		separator := strings.ContainsRune(";\t\r\n", c)
		if begins && formula || i == 0 && separator && c != ';' {
			b.WriteByte('\'')
		}
		begins = separator || begins && c == ' '
		b.WriteRune(c)
	}
	return b.String()
}

// A jsonWriter writes one array (RFC 8259).
type jsonWriter struct {
	out   io.Writer
	later bool // there is a record already
}

func (w *jsonWriter) begin() error { return w.text("[") }

func (w *jsonWriter) write(r record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	separator := "\n"
	if w.later {
		separator = ",\n"
	}
	w.later = true
	return w.text(separator + string(text))
}

func (w *jsonWriter) flush() error { return nil }

func (w *jsonWriter) end() error { return w.text("\n]\n") }

func (w *jsonWriter) text(s string) error {
	_, err := io.WriteString(w.out, s)
	return err
}
