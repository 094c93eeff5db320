// Package limit bounds what clients may take: requests a minute and places of
// requests under way. It knows neither what they ask nor how they are refused.
package limit
