package browser

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// saveDownloads has a browser save what it is given to save in a folder, under
// the ids of the downloads.
func saveDownloads(ctx context.Context, t *testing.T, folder string) {
	t.Helper()
	tell := true
	_, err := chromedp.CallBrowser(ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllowAndName, DownloadPath: folder, EventsEnabled: &tell,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// download follows a link and returns the file that it leads to.
func (p *tab) download(selector string) []byte {
	p.Helper()
	ctx, stop := context.WithTimeout(p.ctx, patience)
	defer stop()
	mine := cdp.FrameID(chromedp.FromContext(ctx).Target.TargetID) // the main frame has the name of its tab
	id, ended := "", make(chan bool, 1)
	err := chromedp.ListenBrowser(ctx, func(event any) {
		switch e := event.(type) {
		case *browser.EventDownloadWillBegin:
			if e.FrameID == mine {
				id = e.GUID
				p.given(e.URL, false)
			}
		case *browser.EventDownloadProgress:
			if e.GUID == id && e.State != browser.DownloadProgressStateInProgress {
				ended <- e.State == browser.DownloadProgressStateCompleted
			}
		}
	})
	if err != nil {
		p.Fatal(err)
	}
	p.follow(selector)
	select {
	case whole := <-ended:
		if !whole {
			p.Fatalf("%s: the download breaks off", selector)
		}
	case <-ctx.Done():
		p.Fatalf("%s: nothing comes", selector)
	}
	text, err := os.ReadFile(filepath.Join(p.downloads, id))
	if err != nil {
		p.Fatal(err)
	}
	return text
}
