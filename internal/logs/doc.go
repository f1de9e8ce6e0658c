// Package logs finds out whether machines that are gone have left all of their
// logs behind: the agent's final marker comes after everything else.
//
//	Auto Scaling activities ──> instances that were terminated ─┐
//	index ──> final markers, and hooks that could not ship all ─┴─> Report
package logs
