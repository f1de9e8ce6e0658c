// Package mirror keeps repositories of a distribution's packages in an S3
// bucket, from which stock dnf and apt install over plain HTTPS. Each is a
// directory:
//
//	<distribution>/<architecture>/     such as amzn-2023/x86_64
//	  packages/<sha256>.rpm or .deb    created once
//	  repodata/<sha256>-….xml.gz       created once: the metadata of dnf
//	  repodata/repomd.xml              the pointer, for dnf
//	  dists/stable/…/by-hash/SHA256/…  created once: the metadata of apt
//	  dists/stable/Release             the pointer, for apt
//	  changes/<N>.json                 a move of the pointer, created once
//	  prune.json                       there while a prune is at work
//
// # One pointer
//
// dnf and apt both begin with one file, which names the metadata by its
// SHA-256; the metadata names the packages by theirs. All but that file is
// named by its content and never changes, so that replacing the one object
// is the whole swap: a reader that has read the old pointer finds everything
// that it names, one that reads the new one does too. No name of a package is
// ever part of a key or a URL.
//
// # Syncing
//
// "create" is If-None-Match: *, "replace" is If-Match with the ETag that was read.
//
//	1  read    pointer          which names the change that has moved it here
//	2  fetch the packages, check their signatures, make the metadata
//	3  create  changes/C        the intention, with all that it refers to
//	4  read    prune.json       there? nothing has happened yet: stop
//	5  create  packages         that are not there
//	6  create  metadata
//	7  replace pointer          which names C beside its content
//
// Cut anywhere before 7, readers see the old state and nothing else; the next
// sync does not send again what is there. Of two syncs at once, the second to
// come to 7 is refused. A rollback does 1, 3, 4, looks whether all is there
// and does 7 with the content of an earlier change.
//
// # Pruning
//
//	1  create  prune.json
//	2  read    pointer, changes     what is referred to, or lately was, stays
//	3  delete  everything else that is older than a reader may take
//	4  delete  prune.json
//
// Prune writes its mark and then reads the intentions, a sync writes its
// intention and then reads the mark: whichever order they meet in, one of them
// sees the other. A prune that was cut leaves its mark, which the next one
// takes over after an hour; none works for longer than that.
package mirror
