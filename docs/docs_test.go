package docs_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cloudpki/docs"
)

// Every page of the manual becomes HTML that closes what it opens, and keeps
// no Markdown.
func TestPages(t *testing.T) {
	names, err := docs.Names()
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile(`(?s)<(pre|code)>.*?</(pre|code)>`)
	for _, name := range names {
		page, err := docs.Page(name)
		if err != nil {
			t.Fatal(err)
		}
		text := string(page)
		for _, tag := range []string{"p", "ul", "ol", "table", "pre", "code", "h1", "h2", "strong", "em", "a", "main"} {
			opened := strings.Count(text, "<"+tag+">") + strings.Count(text, "<"+tag+" ")
			if closed := strings.Count(text, "</"+tag+">"); opened != closed {
				t.Errorf("%s opens %s %d times and closes it %d times", name, tag, opened, closed)
			}
		}
		for _, left := range []string{"](", "**", "\n#", "|--", "```", "<script", "<style"} {
			if strings.Contains(code.ReplaceAllString(text, ""), left) {
				t.Errorf("%s shows %q", name, left)
			}
		}
	}
	for _, name := range []string{"errors/dns", "errors/README", "operate", "providers/vault", "clients/az"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is not there", name)
		}
	}
	if page, err := docs.Page("errors/unheard-of"); err == nil {
		t.Errorf("a page that is not there: %s", page)
	}
}

func TestPageKeepsItsText(t *testing.T) {
	page, err := docs.Page("errors/tls_server")
	if err != nil {
		t.Fatal(err)
	}
	got := string(page)
	for _, want := range []string{
		"<title>tls_server: The CA&#39;s server could not be trusted</title>",
		`<h2 id="what-to-do">What to do</h2>`,
		`<ol><li value="1">`, "<code>serverCertificateAuthorities</code>",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

func TestPictures(t *testing.T) {
	names, err := docs.Pictures()
	if err != nil {
		t.Fatal(err)
	}
	page, err := docs.Page("console")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		picture, err := docs.Picture(name)
		if err != nil || http.DetectContentType(picture) != "image/png" {
			t.Errorf("%s: %s %v", name, http.DetectContentType(picture), err)
		}
		if !strings.Contains(string(page), `<img src="`+name+`" alt="`) {
			t.Errorf("no page shows %s", name)
		}
	}
	if len(names) == 0 {
		t.Error("there is no picture")
	}
	if picture, err := docs.Picture("images/unheard-of.png"); err == nil {
		t.Errorf("a picture that is not there: %d bytes", len(picture))
	}
}
