package casim

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
)

// statusFaults answer with a status that is no success, or no use.
func statusFaults() []Fault {
	const html = "<!DOCTYPE html><html><body><h1>Sorry</h1></body></html>"
	list := []Fault{
		{Name: "unauthorized", Doc: "HTTP 401 in HTML", Answer: Status(http.StatusUnauthorized, "<html></html>")},
		{Name: "unauthorized-challenge", Doc: "HTTP 401 with a challenge", Answer: Status(http.StatusUnauthorized, "", "WWW-Authenticate", `Basic realm="CA"`)},
		{Name: "forbidden", Doc: "HTTP 403 in HTML", Answer: Status(http.StatusForbidden, "<html></html>")},
		{Name: "gone", Doc: "HTTP 410", Answer: Status(http.StatusGone, "")},
		{Name: "rate-limited", Doc: "HTTP 429, Retry-After 7", Answer: Status(http.StatusTooManyRequests, "", "Retry-After", "7")},
		{Name: "rate-limited-silent", Doc: "HTTP 429 without Retry-After", Answer: Status(http.StatusTooManyRequests, "")},
		{Name: "rate-limited-date", Doc: "HTTP 429, Retry-After a date in the past", Answer: Status(http.StatusTooManyRequests, "", "Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT")},
		{Name: "rate-limited-absurd", Doc: "HTTP 429, Retry-After 10^30", Answer: Status(http.StatusTooManyRequests, "", "Retry-After", "1"+strings.Repeat("0", 30))},
		{Name: "rate-limited-negative", Doc: "HTTP 429, Retry-After -5", Answer: Status(http.StatusTooManyRequests, "", "Retry-After", "-5")},
		{Name: "unavailable", Doc: "HTTP 503 in HTML", Answer: Status(http.StatusServiceUnavailable, "<html><body><h1>Maintenance</h1></body></html>")},
		{Name: "unavailable-later", Doc: "HTTP 503, Retry-After 3600", Answer: Status(http.StatusServiceUnavailable, "", "Retry-After", "3600")},
		{Name: "login-page", Doc: "HTTP 200 with an HTML page", Answer: Status(http.StatusOK, "<!DOCTYPE html><html><body>Sign in</body></html>")},
		{Name: "empty", Doc: "HTTP 200 without a body", Answer: Status(http.StatusOK, "")},
		{Name: "no-content", Doc: "HTTP 204", Answer: Status(http.StatusNoContent, "")},
	}
	for _, code := range []int{301, 303, 307, 308} {
		list = append(list, Fault{
			Name: "redirect-" + strconv.Itoa(code), Doc: "HTTP " + strconv.Itoa(code) + " to another host",
			Answer: Status(code, "", "Location", "https://elsewhere.example/"),
		})
	}
	list = append(list,
		Fault{Name: "redirect", Doc: "HTTP 302 to another host", Answer: Status(http.StatusFound, "", "Location", "https://elsewhere.example/")},
		Fault{Name: "redirect-metadata", Doc: "HTTP 302 to the metadata service of a cloud", Answer: Status(http.StatusFound, "", "Location", "http://169.254.169.254/latest/meta-data/")},
		Fault{Name: "redirect-loop", Doc: "HTTP 302 to the same address", Answer: Status(http.StatusFound, "", "Location", "?again")},
	)
	for _, code := range []int{400, 402, 404, 405, 406, 408, 409, 413, 415, 422, 451, 500, 501, 502, 504, 507, 599} {
		list = append(list, Fault{Name: "http-" + strconv.Itoa(code), Doc: "HTTP " + strconv.Itoa(code) + " in HTML", Answer: Status(code, html)})
	}
	return list
}

// bodyFaults answer with a body that is not what its header says, or is too
// much.
func bodyFaults() []Fault {
	return []Fault{
		{Name: "malformed", Doc: "a document that breaks off", Answer: Body(func(b []byte) []byte { return b[:len(b)*2/3] })},
		{Name: "trailing", Doc: "text behind the document", Answer: Body(func(b []byte) []byte { return append(b, "<trailing/>{}"...) })},
		{Name: "invalid-utf8", Doc: "bytes that are no UTF-8", Answer: Body(func(b []byte) []byte { return replaceText(b, []byte("\xff\xfe\xc0")) })},
		{Name: "nul-bytes", Doc: "NUL between the letters, as UTF-16 has it", Answer: Body(wide)},
		{Name: "byte-order-mark", Doc: "a byte order mark before the document", Answer: Body(func(b []byte) []byte { return append([]byte("\xef\xbb\xbf"), b...) })},
		{Name: "huge", Doc: "an answer of 1 GB", Answer: Endless(1 << 30)},
		{Name: "huge-header", Doc: "a header of 1 MB", Answer: func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
			w.Header().Set("X-Padding", strings.Repeat("a", 1<<20))
			honest.ServeHTTP(w, r)
		}},
		{Name: "gzip", Doc: "the answer in gzip", Answer: gzipped(0)},
		{Name: "gzip-bomb", Doc: "an answer of 1 GB in 1 MB of gzip", Answer: gzipped(1 << 30)},
		{Name: "wrong-type", Doc: "the right document called text/html", Answer: func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
			rec := honestly(honest, r)
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(rec.status)
			_, _ = w.Write(rec.body.Bytes()) // the client is gone: nobody to tell
		}},
		{Name: "short", Doc: "Content-Length is more than the body", Answer: raw("Content-Length: 1000000\r\n", func(b []byte) []byte { return b })},
		{Name: "long", Doc: "Content-Length is less than the body", Answer: func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
			b := honestly(honest, r).body.Bytes()
			hijacked(w, "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: "+strconv.Itoa(len(b)/2)+"\r\n\r\n"+string(b))
		}},
		{Name: "bad-length", Doc: "Content-Length is not a number", Answer: raw("Content-Length: many\r\n", func(b []byte) []byte { return b })},
		{Name: "two-lengths", Doc: "two different Content-Lengths", Answer: raw("Content-Length: 5\r\nContent-Length: 6\r\n", func(b []byte) []byte { return b })},
		{Name: "bad-chunk", Doc: "a chunk whose length is not a number", Answer: raw("Transfer-Encoding: chunked\r\n", func(b []byte) []byte {
			return append([]byte("xyz\r\n"), b...)
		})},
		{Name: "cut-chunk", Doc: "chunks without an end", Answer: raw("Transfer-Encoding: chunked\r\n", func(b []byte) []byte {
			return append([]byte(strconv.FormatInt(int64(len(b)), 16)+"\r\n"), b...)
		})},
		{Name: "http-2-preface", Doc: "an answer that is not HTTP/1.1", Answer: func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			hijacked(w, "\x00\x00\x00\x04\x00\x00\x00\x00\x00")
		}},
		{Name: "continue-forever", Doc: "HTTP 103 a thousand times", Answer: func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
			for range 1000 {
				w.WriteHeader(http.StatusEarlyHints)
			}
			honest.ServeHTTP(w, r)
		}},
	}
}

// raw answers with its own header lines and the honest body, changed, and ends
// the connection.
func raw(header string, change func([]byte) []byte) Answerer {
	return func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		rec := honestly(honest, r)
		hijacked(w, "HTTP/1.1 200 OK\r\nContent-Type: "+rec.header.Get("Content-Type")+"\r\n"+header+"\r\n"+string(change(rec.body.Bytes())))
	}
}

// wide puts a NUL behind each byte.
func wide(b []byte) []byte {
	out := make([]byte, 0, 2*len(b))
	for _, c := range b {
		out = append(out, c, 0)
	}
	return out
}

// replaceText puts text into the middle of the first long run of letters.
func replaceText(b, text []byte) []byte {
	i := bytes.Index(b, []byte("CN="))
	if i < 0 {
		i = len(b) / 2
	}
	return append(append(bytes.Clone(b[:i]), text...), b[i:]...)
}
