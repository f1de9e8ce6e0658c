package rule

import (
	"slices"
	"strings"
)

func bucketRules() []Rule {
	return []Rule{
		{
			ID: "bucket-public", Severity: Dangerous,
			Title:  "A bucket can be read by the world",
			Why:    "What is in it, builds and their secrets among it, is anybody's.",
			Fix:    "Block public access with all four settings, and name who may read.",
			Source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
			state:  bucketPublic,
			change: func(w *World, found Found) {
				for _, r := range w.Before.Of("aws_s3_bucket_public_access_block") {
					if w.bucketStays(r) && r.Actions.Delete() {
						found(r, "the block is removed and the bucket stays")
					}
				}
			},
		},
		{
			ID: "bucket-unversioned", Severity: Look,
			Title:  "A bucket keeps no versions",
			Why:    "What is overwritten or deleted is gone: a build that a rollback needs, or a state file.",
			Fix:    "Enable versioning, with a lifecycle rule that ends old versions.",
			Source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html",
			state:  bucketUnversioned,
			change: func(w *World, found Found) {
				for _, r := range w.Before.Of("aws_s3_bucket_versioning") {
					if r.Actions.Delete() && r.Is("versioning_configuration.status", "Enabled") && w.bucketStays(r) {
						found(r, "versioning is removed and the bucket stays")
					}
				}
			},
		},
		{
			ID: "bucket-force-destroy", Severity: Look,
			Title: "Destroying a bucket deletes everything in it",
			Why:   "force_destroy empties the bucket first, without asking.",
			Fix:   "Leave force_destroy out, but for buckets whose contents can be made again.",
			state: func(s *Set, found Found) {
				for _, r := range s.Of("aws_s3_bucket") {
					if r.Is("force_destroy", "true") {
						found(r, "force_destroy is true")
					}
				}
			},
		},
	}
}

// blockers are the four settings that keep a bucket private.
var blockers = []string{"block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"}

func bucketPublic(s *Set, found Found) {
	for _, r := range s.Of("aws_s3_bucket_public_access_block") {
		if off := slices.DeleteFunc(slices.Clone(blockers), func(setting string) bool { return !r.Off(setting) }); len(off) > 0 {
			found(r, "off: %s", strings.Join(off, ", "))
		}
	}
	for _, r := range s.Of("aws_s3_bucket_acl", "aws_s3_bucket") {
		if acl, ok := r.Text("acl", ""); ok && strings.HasPrefix(acl, "public-") {
			found(r, "acl is %s", acl)
		}
	}
	for _, r := range s.Of("aws_s3_bucket_policy") {
		reportOpen(r, r.Get("policy"), found)
	}
}

func bucketUnversioned(s *Set, found Found) {
	versioned := map[*Resource]bool{}
	for _, r := range s.Of("aws_s3_bucket_versioning") {
		status, ok := r.Text("versioning_configuration.status", "")
		for _, bucket := range s.Linked(r, "bucket", "aws_s3_bucket") {
			versioned[bucket] = true // or told below
		}
		if ok && status != "Enabled" {
			found(r, "status is %s", status)
		}
	}
	for _, r := range s.Of("aws_s3_bucket") {
		if !versioned[r] && r.Off("versioning.enabled") {
			found(r, "versioning is not enabled")
		}
	}
}

// bucketStays says that the bucket of r is there after the plan.
func (w *World) bucketStays(r *Resource) bool {
	return slices.ContainsFunc(w.Before.Linked(r, "bucket", "aws_s3_bucket"), w.After.Has)
}
