// Package bench measures cloudpki from outside, as a process over HTTPS,
// beside the least program that could do the same work (folder floor).
//
//	go -C bench test -run '^$' -bench .
//
// prints a table and a line "ratio NAME VALUE" for each figure;
// docs/performance.md explains them and is written with -update.
package bench
