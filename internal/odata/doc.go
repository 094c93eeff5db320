// Package odata is the language of the service as values: the schema of a
// noun, the reading and writing of its JSON, query options turned into a
// checked Query, resource paths, skip tokens and $metadata. It follows OData
// 4.01 in the dialect of Microsoft Graph, and knows neither HTTP nor SQL nor
// any particular noun.
package odata
