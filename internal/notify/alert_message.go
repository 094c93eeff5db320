package notify

import (
	"bytes"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net/url"
	"strings"
	"time"

	"cloudpki/internal/pki"
)

// maxSubject bounds the subject, in bytes before its encoding.
const maxSubject = 200

// message writes an alert as a plain text of UTF-8 (RFC 5322, RFC 2045). What
// comes from CAs and admins stands in the subject, encoded where it is not
// plain ASCII, and in the body.
func (s *MailSink) message(a *pki.Alert) ([]byte, error) {
	var b bytes.Buffer
	for _, field := range [][2]string{
		{"Date", a.At.UTC().Format(time.RFC1123Z)},
		{"From", s.From},
		{"To", strings.Join(s.To, ",\r\n\t")},
		{"Message-ID", "<" + string(a.ID) + "@" + helloName(s.Origin) + ">"},
		{"Subject", subject(a)},
		{"Auto-Submitted", "auto-generated"}, // RFC 3834: nobody's holiday reply is wanted
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", field[0], field[1])
	}
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	_, err := fmt.Fprintf(w, "%s\r\n\r\nSubscription: %s (%s)\r\nTenant: %s\r\nTime: %s\r\n\r\n%s\r\n\r\nWhat to do: %s\r\n\r\nConsole: %s\r\nObject: %s\r\nManual: %s\r\n",
		a.Title, a.Name, a.Subscription, a.Tenant, a.At.UTC().Format(time.RFC3339),
		a.Detail, a.Action, s.Origin+a.Console, s.Origin+a.Path, s.Origin+a.Page)
	if err != nil {
		return nil, err
	}
	return b.Bytes(), w.Close()
}

// subject is one line, whatever the names in it hold: each control character
// becomes a space, and the rest is encoded by RFC 2047 where it has to be.
func subject(a *pki.Alert) string {
	text := "[cloudpki] " + a.Title + " - " + a.Name
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxSubject {
		text = strings.ToValidUTF8(text[:maxSubject], "") + "..."
	}
	// Encoded words are folded between each other.
	return strings.ReplaceAll(mime.QEncoding.Encode("utf-8", text), "?= =?", "?=\r\n\t=?")
}

// helloName is the host of the service's origin, as a domain or an address
// literal (RFC 5321, 4.1.3).
func helloName(origin string) string {
	u, err := url.Parse(origin)
	switch {
	case err != nil || u.Hostname() == "":
		return "localhost"
	case strings.Contains(u.Hostname(), ":"):
		return "[IPv6:" + u.Hostname() + "]"
	case isNumeric(u.Hostname()):
		return "[" + u.Hostname() + "]"
	}
	return u.Hostname()
}

func isNumeric(host string) bool { return strings.Trim(host, "0123456789.") == "" }
