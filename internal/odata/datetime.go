package odata

import (
	"errors"
	"time"
)

// TicksPerSecond is the resolution of a DateTimeOffset: 100 ns, as in .NET and
// so in Microsoft Graph.
const TicksPerSecond = 10_000_000

// maxOffset is the largest distance from UTC in minutes, as in .NET and in
// XML Schema.
const maxOffset = 14 * 60

// The instants between which a DateTimeOffset can be written with a year of
// four digits: 0001-01-01T00:00:00Z, and 10000-01-01T00:00:00Z, excluded.
const (
	neverTicks = -62_135_596_800 * TicksPerSecond
	endTicks   = 253_402_300_800 * TicksPerSecond
)

// A DateTimeOffset is an instant in steps of 100 ns with the offset in which a
// client wrote it. The zero value is 1970-01-01T00:00:00Z.
type DateTimeOffset struct {
	Ticks  int64 // steps of 100 ns since 1970-01-01T00:00:00Z; negative before
	Offset int16 // minutes east of UTC in which to write it; 0 writes Z
}

// Never returns 0001-01-01T00:00:00Z, which Intune writes for a non-nullable
// time that has not come.
func Never() DateTimeOffset { return DateTimeOffset{Ticks: neverTicks} }

// IsNever reports whether d is the instant of Never.
func (d DateTimeOffset) IsNever() bool { return d.Ticks == neverTicks }

// FromTime returns t in UTC, cut to 100 ns. The zero time.Time becomes Never.
// Years outside 1 to 9999 cannot be written and become the nearest instant
// that can.
func FromTime(t time.Time) DateTimeOffset {
	sec := t.Unix()
	switch {
	case sec < neverTicks/TicksPerSecond:
		return Never()
	case sec >= endTicks/TicksPerSecond:
		return DateTimeOffset{Ticks: endTicks - 1}
	}
	return DateTimeOffset{Ticks: sec*TicksPerSecond + int64(t.Nanosecond())/100}
}

// Time returns the instant in UTC.
func (d DateTimeOffset) Time() time.Time {
	sec := d.Ticks / TicksPerSecond
	rest := d.Ticks % TicksPerSecond
	return time.Unix(sec, rest*100).UTC()
}

// String returns d as Append writes it.
func (d DateTimeOffset) String() string { return string(d.Append(nil)) }

// Append writes d as RFC 3339 with its offset, Z for none, and with as many
// digits of the second as it needs, at most seven.
func (d DateTimeOffset) Append(dst []byte) []byte {
	local := DateTimeOffset{Ticks: d.Ticks + int64(d.Offset)*60*TicksPerSecond}
	if local.Ticks < neverTicks || local.Ticks >= endTicks {
		d.Offset, local = 0, d // the local year has no four digits
	}
	t := local.Time()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = append(append2(append2(dst, year/100), year%100), '-')
	dst = append(append2(dst, int(month)), '-')
	dst = append(append2(dst, day), 'T')
	dst = append(append2(dst, hour), ':')
	dst = append(append2(dst, minute), ':')
	dst = append2(dst, second)
	dst = appendFraction(dst, t.Nanosecond()/100, TicksPerSecond/10)
	return appendOffset(dst, int(d.Offset))
}

func appendOffset(dst []byte, minutes int) []byte {
	switch {
	case minutes == 0:
		return append(dst, 'Z')
	case minutes < 0:
		dst, minutes = append(dst, '-'), -minutes
	default:
		dst = append(dst, '+')
	}
	return append2(append(append2(dst, minutes/60), ':'), minutes%60)
}

// append2 writes n in two digits.
func append2(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10%10), byte('0'+n%10))
}

// appendFraction writes "." and the digits of n, of which the first has the
// weight unit, without trailing zeros; nothing for 0.
func appendFraction(dst []byte, n, unit int) []byte {
	if n == 0 {
		return dst
	}
	dst = append(dst, '.')
	for ; n > 0; unit /= 10 {
		dst = append(dst, byte('0'+n/unit))
		n %= unit
	}
	return dst
}

var errDateTime = errors.New("is not a date and time such as 2017-01-01T00:00:35.1329464-08:00")

// ParseDateTimeOffset reads an RFC 3339 date and time with a zone: any offset
// from -14:00 to +14:00, up to 12 digits of the second, of which seven are
// kept, and years 0001 to 9999, also in UTC. T and Z may be in lower case. A
// leap second is refused, since no clock that stores it could give it back.
func ParseDateTimeOffset(s string) (DateTimeOffset, error) {
	p := scanner{text: s}
	year := p.digits(4)
	p.byte('-')
	month := p.digits(2)
	p.byte('-')
	day := p.digits(2)
	p.letter('t')
	hour := p.digits(2)
	p.byte(':')
	minute := p.digits(2)
	p.byte(':')
	second := p.digits(2)
	fraction := p.fraction(12, 7)
	offset := p.offset()
	if p.failed || p.pos != len(s) || hour > 23 || minute > 59 || second > 59 || !validDate(year, month, day) {
		return DateTimeOffset{}, errDateTime
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	ticks := (t.Unix()-int64(offset)*60)*TicksPerSecond + int64(fraction)
	if ticks < neverTicks || ticks >= endTicks {
		return DateTimeOffset{}, errDateTime
	}
	return DateTimeOffset{Ticks: ticks, Offset: int16(offset)}, nil
}

// parseDate reads a date alone, 2017-04-01, as its first instant in UTC.
func parseDate(s string) (DateTimeOffset, error) {
	return ParseDateTimeOffset(s + "T00:00:00Z")
}

func validDate(year, month, day int) bool {
	if year < 1 || month < 1 || month > 12 || day < 1 {
		return false
	}
	lastDay := time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return day <= lastDay
}

// A scanner reads fixed forms from left to right. After the first mismatch it
// has failed and reads nothing more.
type scanner struct {
	text   string
	pos    int
	failed bool
	found  bool // a part of a duration was read
}

func (p *scanner) peek() byte {
	if p.failed || p.pos >= len(p.text) {
		return 0
	}
	return p.text[p.pos]
}

func (p *scanner) byte(c byte) {
	if p.peek() != c {
		p.failed = true
		return
	}
	p.pos++
}

// letter reads c, which is in lower case, in either case.
func (p *scanner) letter(c byte) {
	if lower(p.peek()) != c {
		p.failed = true
		return
	}
	p.pos++
}

// digits reads exactly n decimal digits.
func (p *scanner) digits(n int) int {
	value := 0
	for range n {
		c := p.peek()
		if !isDigit(c) {
			p.failed = true
			return 0
		}
		value = value*10 + int(c-'0')
		p.pos++
	}
	return value
}

// fraction reads an optional "." with 1 to max digits and returns the first
// keep of them as if there were exactly that many.
func (p *scanner) fraction(most, keep int) int {
	if p.peek() != '.' {
		return 0
	}
	p.pos++
	value, n := 0, 0
	for ; isDigit(p.peek()); n++ {
		if n < keep {
			value = value*10 + p.digits(1)
		} else {
			p.digits(1)
		}
	}
	if n == 0 || n > most {
		p.failed = true
	}
	for ; n < keep; n++ {
		value *= 10
	}
	return value
}

// offset reads Z or a distance from UTC, in minutes.
func (p *scanner) offset() int {
	sign := 1
	switch p.peek() {
	case 'Z', 'z':
		p.pos++
		return 0
	case '-':
		sign = -1
	case '+':
	default:
		p.failed = true
		return 0
	}
	p.pos++
	hours := p.digits(2)
	p.byte(':')
	minutes := p.digits(2)
	total := hours*60 + minutes
	if minutes > 59 || total > maxOffset {
		p.failed = true
	}
	return sign * total
}
