package browser

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

const (
	manual          = "../../docs/"
	pictureWidth    = 1280
	heaviestPicture = 150_000 // bytes
)

// A picture is a page as the manual shows it.
type picture struct {
	name    string // of the file, without ".png"
	address string
	theme   string
}

// pictures shows what docs/console.md has pictures of and, with -update, takes
// them. The manual has these pictures and no others.
func (w *world) pictures(t *testing.T) {
	p := w.tab(t)
	text, err := os.ReadFile(manual + "console.md")
	if err != nil {
		t.Fatal(err)
	}
	var used []string
	for _, m := range regexp.MustCompile(`!\[[^\]]{20,}\]\(images/([^)]+)\.png\)`).FindAllSubmatch(text, -1) {
		used = append(used, string(m[1]))
	}
	var taken []string
	sub := "/console/subscriptions/"
	for _, c := range []picture{
		{"console-overview", "/", "light"},
		{"console-new", sub + "new?provider=digicertOne", "light"},
		{"console-root", sub + w.phones, "light"},
		{"console-inventory", sub + w.laptops + "/certificates?search=laptop-0987", "dark"},
	} {
		taken = append(taken, c.name)
		p.show(pictureWidth, c.theme)
		p.open(c.address)
		p.await("//h1")
		if *update {
			p.take(c.name)
		}
		p.isPicture(c.name)
	}
	if !slices.Equal(used, taken) {
		t.Errorf("docs/console.md shows %q, want %q", used, taken)
	}
}

func pictureFile(name string) string { return filepath.Join(manual, "images", name+".png") }

// take writes the page as a picture.
func (p *tab) take(name string) {
	p.Helper()
	shot, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.Fatal(err)
	}
	full, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		p.Fatal(err)
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, fewColours(full)); err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(pictureFile(name), out.Bytes(), 0o644); err != nil {
		p.Fatal(err)
	}
}

// isPicture fails where a picture of the manual is not one that take has made.
func (p *tab) isPicture(name string) {
	p.Helper()
	text, err := os.ReadFile(pictureFile(name))
	if err != nil {
		p.Fatalf("%v: go test . -update takes it", err)
	}
	got, err := png.DecodeConfig(bytes.NewReader(text))
	if err != nil || got.Width != pictureWidth || len(text) > heaviestPicture {
		p.Errorf("%s: %d pixels, %d bytes, %v", name, got.Width, len(text), err)
	}
}

// fewColours keeps the colours that a picture has most of, as many as a palette
// holds: text has some hundred shades.
func fewColours(full image.Image) image.Image {
	often := map[color.RGBA]int{}
	b := full.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			often[color.RGBAModel.Convert(full.At(x, y)).(color.RGBA)]++ //nolint:forcetypeassert // what the model makes
		}
	}
	shades := slices.SortedFunc(maps.Keys(often), func(a, b color.RGBA) int { return cmp.Compare(often[b], often[a]) })
	const most = 256
	var palette color.Palette
	for _, c := range shades[:min(len(shades), most)] {
		palette = append(palette, c)
	}
	few := image.NewPaletted(b, palette)
	draw.Draw(few, b, full, b.Min, draw.Src)
	return few
}
