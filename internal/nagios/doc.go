// Package nagios keeps the hosts, host groups and services of a Nagios 4 the
// same as the instances of clusters.
//
//	fleet: clusters ──> choose ──> render ──> nagios4 -v ──> rename ──> reload
//	                      └─ instances that leave ──> scheduled downtime
//
// All of it is one file, which is put in place by one rename: whoever reads it
// sees the old one or the new one. Whatever fails, the last file that Nagios
// has accepted stays.
package nagios
