// Package release is the ledger of what was built and what is meant to run:
// numbered, immutable archives in S3, and two pointers into them.
//
//	<artifact>/<environment>/
//	  <artifact>-<N>.tar.gz    the archive of version N       created once
//	  <artifact>-<N>.json      its manifest                   created once, after the archive
//	  latest.txt               pointer: the highest complete version
//	  latest-stable.txt        pointer: what new machines run
//	  history/<change>.json    a move of latest-stable        created once
//	  claims/<N>.json          the state of version N
//
// A version is complete when its manifest exists; there is nothing else to
// look at. The archive's format is that of package archive.
//
// # Publishing
//
// Everything rests on S3's conditional writes, by which of several writers
// one wins (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html):
// "create" below is If-None-Match: *, "replace" is If-Match with the ETag that
// was read.
//
//	1  create  claims/N            open; N is one above all claims and latest
//	2  create  <artifact>-N.tar.gz
//	3  replace claims/N            open → committed, with the manifest in it
//	4  create  <artifact>-N.json   version N is complete
//	5  replace latest.txt          unless it names N or a later version
//
// Whoever loses step 1 takes the next number, so publishers get distinct
// versions and none waits for another. One that dies leaves:
//
//	after 1, 2   an open claim. Nobody reads it; the next version is N+1. The
//	             upload can be resumed, by which the claim changes hands, or
//	             prune abandons it after a day.
//	after 3      a committed claim, which nobody can abandon any more: prune
//	             does step 4 from the manifest in it.
//	after 4      a complete version above latest. The next publisher, a
//	             promotion of latest and prune do step 5.
//
// Step 3 decides: prune abandons by replacing open with abandoned, and of the
// two replacements one fails. A publisher that was asleep for a week fails
// there, before it has made anything visible. When an answer is lost and the
// write repeated, the repetition is refused; every such write has an id of its
// own, so that the writer recognizes its first attempt and goes on.
//
// # Promoting
//
//	1  create  history/C           the intention: from what, to what, by whom
//	2  read    claims/N            refuse a version that prune has marked
//	3  replace latest-stable.txt   which names C beside the version
//
// The archive is read in full and checked before step 1. Somebody else's move
// since then makes step 3 fail, and the promotion is refused. The history
// is the chain from the pointer's change back along each change's previous
// one; an intention that was not carried out is not on it.
//
// A pointer that names a version which its change does not was written by
// something else. Whoever reads the history is told so, a rollback is refused,
// and the next promotion goes on behind the newest change.
//
// # Pruning
//
//	1  replace claims/N            committed → pruned
//	2  read    pointers, history   referred to? back to committed
//	3  delete  manifest, archive, claim
//
// Prune writes its mark and then reads the intentions, a promotion writes its
// intention and then reads the mark: whichever order they meet in, one of
// them sees the other. Moving latest.txt up first keeps a slow publisher from
// moving it to a version that is being deleted.
package release
