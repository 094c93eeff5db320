package odata

import (
	"bytes"
	"testing"
)

// benchmarkSubject is the documented entity with a root of 900 bytes.
func benchmarkSubject(b *testing.B) (*Shape[subscription], *EntityType, subscription) {
	et := subscriptionType()
	s := documented(b, et)
	s.Set("trustedRootCertificate", Binary(bytes.Repeat([]byte{7}, 900)))
	return newShape(b, et), et, s
}

func BenchmarkEncodeOne(b *testing.B) {
	shape, _, s := benchmarkSubject(b)
	a := Annotations{Context: "https://localhost/beta/$metadata#cloudPkiSubscriptions/$entity", ETag: `W/"7"`}
	buf := shape.Append(nil, &s, Selection{All: true}, Format{}, a)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = shape.Append(buf[:0], &s, Selection{All: true}, Format{}, a)
	}
}

func BenchmarkEncodeSelected(b *testing.B) {
	shape, _, s := benchmarkSubject(b)
	sel := Selection{Names: []string{"id", "displayName", "syncStatus"}}
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = shape.Append(buf[:0], &s, sel, Format{}, Annotations{})
	}
}

func BenchmarkEncodePage100(b *testing.B) {
	shape, _, s := benchmarkSubject(b)
	page := func(dst []byte) []byte {
		dst = Page{}.AppendOpen(dst, Format{})
		for range 100 {
			dst = append(shape.Append(dst, &s, Selection{All: true}, Format{}, Annotations{}), ',')
		}
		return Page{}.AppendClose(dst)
	}
	buf := page(nil)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = page(buf[:0])
	}
}

func BenchmarkDecode(b *testing.B) {
	shape, et, s := benchmarkSubject(b)
	body := shape.Append(nil, &s, Selection{All: true}, Format{}, Annotations{})
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := et.Decode(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseFilter(b *testing.B) {
	et := subscriptionType()
	filters := []string{
		"displayName eq 'Acme'",
		"syncStatus eq 'failed' and lastSyncDateTime lt 2017-01-01T00:00:35Z and startswith(displayName,'A')",
		"version gt 5 or not (contains(tolower(displayName),'acme')) and cloudPkiProvider eq 'symantec'",
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, f := range filters {
			if _, err := parseFilter(f, et); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkParseQuery(b *testing.B) {
	et := subscriptionType()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseQuery("$filter=displayName%20eq%20'Acme'&$orderby=version%20desc&$top=50&$select=id,displayName", et); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkToken(b *testing.B) {
	s := newSealer(b, 'k')
	pos := []Value{String("Display Name value"), String("ed4ad7e9-d7e9-ed4a-e9d7-4aede9d74aed")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Open("tenant/set/query", s.Seal("tenant/set/query", pos)); err != nil {
			b.Fatal(err)
		}
	}
}
