// Package simulate replays a load against the scaling policies of a cluster
// with the documented semantics of CloudWatch alarms and EC2 Auto Scaling, and
// says what would have happened: capacity, CPU, activities, work that nobody
// served, and cost.
//
//	Terraform JSON, plan, state ──┐
//	tandem.yaml, Go types ────────┴─> Cluster ──┐
//	CSV or generated ───────────────> Load ─────┼─> Run ──> Result
//	what AWS leaves open ───────────> Model ────┘
//
// The same scenario and seed give the same result, byte for byte.
package simulate
