package odata

import (
	"errors"
	"math"
	"strconv"
	"time"
)

const oneDay = 24 * time.Hour

var errDuration = errors.New("is not a duration such as PT1H30M or P1D")

// ParseDuration reads an Edm.Duration, the dayTimeDuration of XML Schema 1.1
// part 2, section 3.4.26: an optional sign, days, hours, minutes and seconds
// with up to nine digits of fraction. Years, months and weeks have no fixed
// length and are refused, as is what does not fit a time.Duration.
func ParseDuration(s string) (time.Duration, error) {
	p := scanner{text: s}
	negative := p.peek() == '-'
	if negative {
		p.pos++
	}
	p.byte('P')
	total := p.durationPart('D', oneDay)
	found := p.found
	if p.peek() == 'T' {
		p.pos++
		p.found = false
		total = addDuration(&p, total, p.durationPart('H', time.Hour))
		total = addDuration(&p, total, p.durationPart('M', time.Minute))
		total = addDuration(&p, total, p.durationPart('S', time.Second))
		found = p.found
	}
	if p.failed || !found || p.pos != len(s) {
		return 0, errDuration
	}
	if negative {
		total = -total
	}
	return total, nil
}

// durationPart reads digits that end in the letter unit, or nothing where the
// digits ahead belong to a later unit. Only seconds may have a fraction.
func (p *scanner) durationPart(letter byte, unit time.Duration) time.Duration {
	end := p.pos
	for end < len(p.text) && (isDigit(p.text[end]) || p.text[end] == '.') {
		end++
	}
	if p.failed || end == p.pos || end == len(p.text) || p.text[end] != letter {
		return 0
	}
	start := p.pos
	for isDigit(p.peek()) {
		p.pos++
	}
	n, err := strconv.ParseInt(p.text[start:p.pos], 10, 64)
	if err != nil || n > math.MaxInt64/int64(unit) {
		p.failed = true
		return 0
	}
	rest := time.Duration(0)
	if letter == 'S' {
		rest = time.Duration(p.fraction(9, 9))
	}
	p.byte(letter)
	p.found = true
	return addDuration(p, time.Duration(n)*unit, rest)
}

// addDuration adds two lengths, neither of them negative.
func addDuration(p *scanner, a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		p.failed = true
		return 0
	}
	return a + b
}

// AppendDuration writes d as an Edm.Duration with days as its largest unit:
// P1D, PT1H30M, -PT0.5S, and PT0S for none.
func AppendDuration(dst []byte, d time.Duration) []byte {
	if d == 0 {
		return append(dst, "PT0S"...)
	}
	// The unsigned form also holds the length of the most negative duration.
	rest := uint64(d)
	if d < 0 {
		dst = append(dst, '-')
		rest = -rest
	}
	dst = append(dst, 'P')
	dst, rest = appendPart(dst, rest, oneDay, 'D')
	if rest == 0 {
		return dst
	}
	dst = append(dst, 'T')
	dst, rest = appendPart(dst, rest, time.Hour, 'H')
	dst, rest = appendPart(dst, rest, time.Minute, 'M')
	if rest == 0 {
		return dst
	}
	dst = strconv.AppendUint(dst, rest/uint64(time.Second), 10)
	dst = appendFraction(dst, int(rest%uint64(time.Second)), int(time.Second/10))
	return append(dst, 'S')
}

// appendPart writes how many whole units n holds and returns what is left.
func appendPart(dst []byte, n uint64, unit time.Duration, letter byte) ([]byte, uint64) {
	if whole := n / uint64(unit); whole > 0 {
		dst = append(strconv.AppendUint(dst, whole, 10), letter)
	}
	return dst, n % uint64(unit)
}
